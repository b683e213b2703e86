/* base64: text to base64, and back. */
#include <stdlib.h>

#include "runtime/functions/functions.h"

static void run(struct function_call *call)
{
    static const char *const names[] = {"text", "base64", NULL};
    struct bytes bytes;
    int which = function_one_of(call, names);
    if (which < 0 || !bytes_from(call, names[which], which == 1, &bytes))
        return;
    bytes_return(call, bytes.data, bytes.size, which == 0);
    free(bytes.owned);
}

const struct function function_base64 = {
    .name = "base64",
    .summary = "Encodes a text (as UTF-8) in base64, or decodes base64 to a text.",
    .parameters_json = "{\"text\":{\"type\":[\"string\",\"null\"],\"default\":null,"
                       "\"description\":\"to be encoded\"},"
                       "\"base64\":{\"type\":[\"string\",\"null\"],\"default\":null,"
                       "\"description\":\"to be decoded\"}}",
    .run = run,
};
