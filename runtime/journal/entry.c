#include "runtime/journal/entry.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/base/varint.h"

static const struct layout {
    const char *name; /* NULL: there is no such kind */
    bool has_place;
    uint8_t n_numbers, n_texts;
} layouts[] = {
    [ENTRY_FIRED] = {"a timer", true, 0, 0},
    [ENTRY_EXITED] = {"the end of a process", true, EXITED_NUMBERS, 2},
    [ENTRY_ANSWERED] = {"an answer", true, 0, 3},
    [ENTRY_CANCELLED] = {"a cancellation", false, 0, 1},
    [ENTRY_RESCHEDULED] = {"a moved deadline", false, RESCHEDULED_NUMBERS, 1},
    [ENTRY_FUTURE_SET] = {"a future", false, 1, 3},
    [ENTRY_PRINTED] = {"printed lines", false, 1, 0},
    [ENTRY_GRANTED] = {"a semaphore", true, 0, 0},
    [ENTRY_BEGAN] = {"a leaf's beginning", true, 0, 0},
    [ENTRY_CRASHED] = {"a crash", true, 1, 0},
    [ENTRY_STOOD] = {"the end of a round", false, 0, 0},
    [ENTRY_CLOCK] = {"the time", false, 0, 0},
    [ENTRY_CHANCE] = {"a chance", false, 1, 0},
    [ENTRY_CHOICE] = {"a choice", false, 1, 0},
    [ENTRY_ACQUIRED] = {"a semaphore's answer", false, 1, 0},
    [ENTRY_PASSED_ON] = {"a semaphore that is passed on", true, 0, 0},
};
#define N_LAYOUTS (sizeof layouts / sizeof *layouts)

const char *entry_kind_name(enum entry_kind kind)
{
    return layouts[kind].name;
}

char *entry_text_copy(const struct entry_text *text)
{
    return text->bytes ? memory_part(text->bytes, text->size) : NULL;
}

/* ---- writing ---- */

/* Numbers near zero are short, also negative ones. */
static uint64_t fold(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static void write_place(struct buffer *out, const struct entry_place *place)
{
    varint_write(out, place->task);
    varint_write(out, place->node);
    varint_write(out, place->depth);
}

static void write_text(struct buffer *out, const struct entry_text *text)
{
    varint_write(out, text->bytes ? text->size + 1 : 0);
    if (text->bytes)
        buffer_add(out, text->bytes, text->size);
}

void entry_write(struct buffer *out, struct entry_base *base, const struct journal_entry *entry)
{
    const struct layout *layout = &layouts[entry->kind];
    int64_t at_ns = entry->at_ns > base->at_ns ? entry->at_ns : base->at_ns;
    buffer_char(out, (char)entry->kind);
    varint_write(out, entry->position - base->position);
    varint_write(out, (uint64_t)(at_ns - base->at_ns));
    *base = (struct entry_base){entry->position, at_ns};
    if (layout->has_place)
        write_place(out, &entry->place);
    for (size_t i = 0; i < layout->n_numbers; i++)
        varint_write(out, fold(entry->numbers[i]));
    for (size_t i = 0; i < layout->n_texts; i++)
        write_text(out, &entry->texts[i]);
}

/* ---- reading ---- */

struct source {
    const unsigned char *at, *end;
    bool is_damaged;
};

static uint64_t take(struct source *source, uint64_t max)
{
    uint64_t number;
    if (!varint_read(&source->at, source->end, &number) || number > max) {
        source->is_damaged = true;
        return 0;
    }
    return number;
}

static struct entry_place read_place(struct source *source)
{
    struct entry_place place;
    place.task = (uint32_t)take(source, UINT32_MAX);
    place.node = (uint32_t)take(source, UINT32_MAX);
    place.depth = (uint32_t)take(source, UINT32_MAX);
    return place;
}

static int64_t read_number(struct source *source)
{
    uint64_t folded = take(source, UINT64_MAX);
    return (int64_t)(folded >> 1 ^ (folded & 1 ? UINT64_MAX : 0));
}

static struct entry_text read_text(struct source *source)
{
    uint64_t size = take(source, (uint64_t)(source->end - source->at) + 1);
    struct entry_text text = {(const char *)source->at, (size_t)size - 1};
    if (size == 0)
        return (struct entry_text){0};
    if (text.size > (size_t)(source->end - source->at)) {
        source->is_damaged = true;
        return (struct entry_text){0};
    }
    source->at += text.size;
    return text;
}

bool entry_read(const unsigned char **at, const unsigned char *end, struct entry_base *base,
                struct journal_entry *entry)
{
    struct source source = {*at, end, *at == end};
    *entry = (struct journal_entry){0};
    if (source.is_damaged || *source.at >= N_LAYOUTS || !layouts[*source.at].name)
        return false;
    entry->kind = *source.at++;
    const struct layout *layout = &layouts[entry->kind];
    base->position += take(&source, UINT64_MAX - base->position);
    base->at_ns += (int64_t)take(&source, (uint64_t)(INT64_MAX - base->at_ns));
    entry->position = base->position;
    entry->at_ns = base->at_ns;
    if (layout->has_place)
        entry->place = read_place(&source);
    for (size_t i = 0; i < layout->n_numbers; i++)
        entry->numbers[i] = read_number(&source);
    for (size_t i = 0; i < layout->n_texts; i++)
        entry->texts[i] = read_text(&source);
    *at = source.at;
    return !source.is_damaged;
}
