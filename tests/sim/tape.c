#include "tests/sim/tape.h"

#include <string.h>

#include "runtime/base/bug.h"

#define TEXT_SHOWN 200

struct header {
    uint32_t kind, which;
    int64_t value;
    uint64_t size; /* of the text behind it */
};

enum which { NONE, NODE, NUMBER };

static const struct {
    const char *name;
    enum which which;
    bool has_value;
} kinds[] = {
#define TAPE_KIND(NAME, name, which, value) [TAPE_##NAME] = {name, which, value},
    TAPE_KINDS(TAPE_KIND)
#undef TAPE_KIND
};

void tape_add(struct buffer *tape, const struct tape_entry *entry)
{
    struct header header = {entry->kind, entry->which, entry->value, entry->size};
    buffer_add(tape, &header, sizeof header);
    if (entry->size)
        buffer_add(tape, entry->text, entry->size);
    BUG_ON(tape->failed);
}

struct tape_reader tape_reader(const struct buffer *tape)
{
    return (struct tape_reader){tape->bytes, tape->bytes ? tape->bytes + tape->size : NULL};
}

struct tape_entry tape_peek(const struct tape_reader *reader)
{
    struct header header;
    if (reader->at == reader->end)
        return (struct tape_entry){.kind = TAPE_END};
    memcpy(&header, reader->at, sizeof header);
    return (struct tape_entry){header.kind, header.which, header.value, reader->at + sizeof header,
                               header.size};
}

void tape_skip(struct tape_reader *reader)
{
    struct tape_entry entry = tape_peek(reader);
    if (entry.kind != TAPE_END)
        reader->at = entry.text + entry.size;
}

bool tape_is_same(const struct tape_entry *a, const struct tape_entry *b)
{
    return a->kind == b->kind && a->which == b->which && a->value == b->value &&
           a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
}

const char *tape_kind_name(enum tape_kind kind)
{
    return kinds[kind].name;
}

void tape_show(const struct tape_entry *entry, const struct plan *plan, struct buffer *out)
{
    buffer_text(out, kinds[entry->kind].name);
    if (kinds[entry->kind].which == NUMBER)
        buffer_format(out, " %u", entry->which);
    if (entry->kind == TAPE_CHANCE || entry->kind == TAPE_RESCHEDULED)
        buffer_format(out, " %.17g", tape_number(entry->value));
    else if (kinds[entry->kind].has_value)
        buffer_format(out, " %lld", (long long)entry->value);
    if (kinds[entry->kind].which == NODE) {
        buffer_text(out, " at '");
        plan_path(plan, entry->which, out);
        buffer_char(out, '\'');
    }
    if (entry->size) {
        buffer_text(out, ": ");
        buffer_json_string(out, entry->text, entry->size < TEXT_SHOWN ? entry->size : TEXT_SHOWN);
    }
}
