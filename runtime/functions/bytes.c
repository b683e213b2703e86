/* Arguments and results that are bytes. */
#include <stdlib.h>

#include "runtime/functions/functions.h"
#include "schema/allocate.h"
#include "schema/base64.h"
#include "schema/utf8.h"

void function_give_up(struct function_call *call)
{
    function_raise(call, "CancelledError", "%s", "");
}

int function_one_of(struct function_call *call, const char *const *names)
{
    struct buffer known = {0};
    int found = -1, n = 0;
    for (int i = 0; names[i]; i++) {
        const json_t *value = function_argument(call, names[i]);
        buffer_format(&known, "%s'%s'", !i ? "" : names[i + 1] ? ", " : " and ", names[i]);
        if (!value || json_is_null(value))
            continue;
        found = i;
        n++;
    }
    if (n != 1)
        function_raise(call, "TypeError", "%s() takes exactly one of %s (%d given)",
                       call->function->name, known.bytes ? known.bytes : "", n);
    buffer_release(&known);
    return n == 1 ? found : -1;
}

bool bytes_from(struct function_call *call, const char *name, bool is_base64, struct bytes *out)
{
    size_t size;
    const char *text = function_text(call, name, &size);
    *out = (struct bytes){.data = (const unsigned char *)text, .size = size};
    if (!is_base64)
        return true;
    out->owned = allocate(base64_decoded_max(size) + 1);
    if (!out->owned || !base64_decode(text, size, out->owned, &out->size)) {
        free(out->owned);
        function_raise(call, "ValueError",
                       "argument '%s' must be base64 (RFC 4648, with its padding)", name);
        return false;
    }
    out->data = out->owned;
    return true;
}

void bytes_return(struct function_call *call, const unsigned char *data, size_t size,
                  bool as_base64)
{
    struct buffer b = {0};
    if (as_base64) {
        buffer_char(&b, '"');
        buffer_base64(&b, data, size);
        buffer_char(&b, '"');
        function_return_buffer(call, &b);
    } else if (utf8_is_valid((const char *)data, size)) {
        function_return_text(call, (const char *)data, size);
    } else {
        bool may_choose = function_argument(call, "as") != NULL;
        function_raise(call, "UnicodeDecodeError", "the bytes are not UTF-8%s",
                       may_choose ? "; \"as\": \"base64\" gives them as they are" : "");
    }
}
