#include "runtime/executor/worker_frame.h"

#include <string.h>

void frame_write(struct buffer *b, enum frame_kind kind, uint64_t call, const char *word,
                 const char *text, size_t size)
{
    const struct frame_head head = {.kind = (uint8_t)kind,
                                    .word_size = (uint8_t)strnlen(word, FRAME_WORD_MAX),
                                    .text_size = (uint32_t)size,
                                    .call = call};
    buffer_add(b, &head, sizeof head);
    buffer_add(b, word, head.word_size);
    buffer_char(b, '\0');
    buffer_add(b, text, size);
    buffer_char(b, '\0');
}

long frame_read(const struct buffer *b, struct frame *frame)
{
    struct frame_head head;
    if (b->size < sizeof head)
        return 0;
    memcpy(&head, b->bytes, sizeof head);
    if (head.kind >= FRAME_KIND_COUNT || head.word_size > FRAME_WORD_MAX ||
        head.text_size > FRAME_TEXT_MAX || head.reserved != 0)
        return -1;
    size_t size = sizeof head + head.word_size + 1 + head.text_size + 1;
    if (b->size < size)
        return 0;
    const char *word = b->bytes + sizeof head, *text = word + head.word_size + 1;
    if (text[-1] != '\0' || text[head.text_size] != '\0')
        return -1;
    *frame = (struct frame){(enum frame_kind)head.kind, head.call, word, text, head.text_size};
    return (long)size;
}
