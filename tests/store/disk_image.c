#include "tests/store/disk_image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/suites.h"

#define NAMES_MAX 32

/* A file, whatever its name: what is safe, and what was done since. */
struct content {
    char *bytes;
    size_t size;
    const struct disk_event **pending;
    size_t n_pending, capacity;
};

/* Which file a name stands for; content NULL: none. */
struct name {
    char text[32];
    struct content *content;
};

struct names {
    struct name names[NAMES_MAX];
    size_t n;
};

struct disk {
    const struct recording *recording;
    size_t at;
    struct names now, safe;
    const struct disk_event **pending; /* what was done to names since the folder's sync */
    struct content **created;          /* by each of them, or NULL */
    size_t n_pending, capacity;
    struct content **contents; /* all there ever were */
    size_t n_contents;
};

/* ---- names ---- */

static struct content **content_of(struct names *names, const char *text)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->names[i].text, text) == 0)
            return &names->names[i].content;
    CU_ASSERT_FATAL(names->n < NAMES_MAX);
    struct name *name = &names->names[names->n++];
    snprintf(name->text, sizeof name->text, "%s", text);
    name->content = NULL;
    return &name->content;
}

static void apply_name(struct names *names, const struct disk_event *event, struct content *created)
{
    struct content **content = content_of(names, event->name);
    if (event->op == DISK_RENAME)
        *content_of(names, event->to) = *content;
    *content = event->op == DISK_CREATE ? created : NULL;
}

static struct content *content_new(struct disk *disk)
{
    struct content *content = calloc(1, sizeof *content);
    disk->contents = realloc(disk->contents, (disk->n_contents + 1) * sizeof *disk->contents);
    disk->contents[disk->n_contents++] = content;
    return content;
}

static void change_name(struct disk *disk, const struct disk_event *event)
{
    if (disk->n_pending == disk->capacity) {
        disk->capacity = disk->capacity ? disk->capacity * 2 : 16;
        disk->pending = realloc(disk->pending, disk->capacity * sizeof *disk->pending);
        disk->created = realloc(disk->created, disk->capacity * sizeof *disk->created);
    }
    struct content *created = event->op == DISK_CREATE ? content_new(disk) : NULL;
    disk->pending[disk->n_pending] = event;
    disk->created[disk->n_pending++] = created;
    apply_name(&disk->now, event, created);
}

/* ---- contents ---- */

static void resize(struct content *content, size_t size)
{
    if (size > content->size) {
        content->bytes = realloc(content->bytes, size);
        memset(content->bytes + content->size, 0, size - content->size);
    }
    content->size = size;
}

static void put(struct content *content, size_t at, const char *bytes, size_t size)
{
    if (at + size > content->size)
        resize(content, at + size);
    if (size > 0)
        memcpy(content->bytes + at, bytes, size);
}

static void apply(struct content *content, const struct disk_event *event)
{
    if (event->op == DISK_TRUNCATE)
        resize(content, (size_t)event->at);
    else
        put(content, (size_t)event->at, event->bytes, event->size);
}

static void change_content(struct content *content, const struct disk_event *event)
{
    if (content->n_pending == content->capacity) {
        content->capacity = content->capacity ? content->capacity * 2 : 64;
        content->pending = realloc(content->pending, content->capacity * sizeof *content->pending);
    }
    content->pending[content->n_pending++] = event;
}

static void sync_content(struct content *content)
{
    for (size_t i = 0; i < content->n_pending; i++)
        apply(content, content->pending[i]);
    content->n_pending = 0;
}

/* ---- from event to event ---- */

struct disk *disk_new(const struct recording *recording)
{
    struct disk *disk = calloc(1, sizeof *disk);
    disk->recording = recording;
    return disk;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->n_contents; i++) {
        free(disk->contents[i]->bytes);
        free(disk->contents[i]->pending);
        free(disk->contents[i]);
    }
    free(disk->contents);
    free(disk->pending);
    free(disk->created);
    free(disk);
}

const struct disk_event *disk_peek(const struct disk *disk)
{
    return disk->at < disk->recording->n ? &disk->recording->events[disk->at] : NULL;
}

const struct disk_event *disk_next(struct disk *disk)
{
    const struct disk_event *event = disk_peek(disk);
    if (!event)
        return NULL;
    disk->at++;
    struct content *content = NULL;
    if (event->op == DISK_WRITE || event->op == DISK_TRUNCATE || event->op == DISK_SYNC)
        content = *content_of(&disk->now, event->name);
    switch (event->op) {
    case DISK_CREATE:
    case DISK_DELETE:
    case DISK_RENAME:
        change_name(disk, event);
        break;
    case DISK_WRITE:
    case DISK_TRUNCATE:
        if (content) /* else it was deleted, and is still open */
            change_content(content, event);
        break;
    case DISK_SYNC:
        if (content)
            sync_content(content);
        break;
    case DISK_SYNC_FOLDER:
        disk->safe = disk->now;
        disk->n_pending = 0;
        break;
    case DISK_MARK:
        break;
    }
    return event;
}

bool disk_is_unsettled(const struct disk *disk)
{
    bool is_unsettled = disk->n_pending > 0;
    for (size_t i = 0; i < disk->now.n && !is_unsettled; i++)
        is_unsettled = disk->now.names[i].content && disk->now.names[i].content->n_pending > 0;
    return is_unsettled;
}

/* ---- the cut ---- */

enum damage {
    LOSE_ALL,
    LOSE_NOTHING,
    LOSE_SOME,          /* each write or none of it */
    LOSE_SOME_SHUFFLED, /* and they came in another order */
    LOSE_THE_LAST,      /* and the one before them is torn */
    LOSE_THE_FIRST,
    TORN_512, /* each sector or none of it */
    TORN_4096,
    TORN_512_GARBAGE, /* what did not come is not what was there before, either */
    ANYTHING          /* each write another of these, shuffled */
};
_Static_assert(ANYTHING + 1 == DAMAGES, "each has a number");

static void shuffle(const struct disk_event **events, size_t n, struct chance *chance)
{
    for (size_t i = n; i > 1; i--) {
        size_t other = chance_below(chance, i);
        const struct disk_event *swapped = events[i - 1];
        events[i - 1] = events[other];
        events[other] = swapped;
    }
}

/* Sectors, by their place in the file. */
static void tear(struct content *to, const struct disk_event *event, size_t sector, bool garbage,
                 struct chance *chance)
{
    size_t at = (size_t)event->at, end = at + event->size;
    while (at < end) {
        size_t size = sector - at % sector;
        size = size < end - at ? size : end - at;
        if (chance_percent(chance, 50)) {
            put(to, at, event->bytes + (at - (size_t)event->at), size);
        } else if (garbage) {
            char bytes[4096];
            bool is_zero = chance_percent(chance, 50);
            for (size_t i = 0; i < size; i++)
                bytes[i] = is_zero ? 0 : (char)chance_next(chance);
            put(to, at, bytes, size);
        }
        at += size;
    }
}

static void damage_one(struct content *to, const struct disk_event *event, enum damage damage,
                       struct chance *chance)
{
    if (damage == ANYTHING)
        damage = (enum damage)chance_below(chance, ANYTHING);
    bool is_write = event->op == DISK_WRITE;
    if (damage == LOSE_NOTHING)
        apply(to, event);
    else if (damage >= TORN_512 && is_write)
        tear(to, event, damage == TORN_4096 ? 4096 : 512, damage == TORN_512_GARBAGE, chance);
    else if (damage != LOSE_ALL && chance_percent(chance, 50))
        apply(to, event);
}

/* Damage that falls on one write after another. */
static void damage_in_order(struct content *to, const struct disk_event **events, size_t n,
                            enum damage damage, struct chance *chance)
{
    size_t from = 0, until = n;
    if (damage == LOSE_THE_LAST)
        until = chance_below(chance, n + 1);
    else if (damage == LOSE_THE_FIRST)
        from = chance_below(chance, n + 1);
    for (size_t i = from; i < until; i++) {
        if (damage == LOSE_THE_LAST && i + 1 == until)
            damage_one(to, events[i], TORN_512, chance);
        else if (damage == LOSE_THE_LAST || damage == LOSE_THE_FIRST)
            apply(to, events[i]);
        else
            damage_one(to, events[i], damage, chance);
    }
}

static void write_content(const struct content *content, enum damage damage, struct chance *chance,
                          const char *path)
{
    size_t n = content->n_pending;
    struct content left = {.bytes = malloc(content->size + 1), .size = content->size};
    const struct disk_event **events = malloc((n + 1) * sizeof *events);
    if (content->size > 0)
        memcpy(left.bytes, content->bytes, content->size);
    if (n > 0)
        memcpy(events, content->pending, n * sizeof *events);
    if (damage == LOSE_SOME_SHUFFLED || damage == ANYTHING)
        shuffle(events, n, chance);
    damage_in_order(&left, events, n, damage, chance);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, left.bytes, left.size), (ssize_t)left.size);
    close(fd);
    free(events);
    free(left.bytes);
}

/* Names reach the disk in their order, but not all of them. */
static struct names names_left(const struct disk *disk, enum damage damage, struct chance *chance)
{
    struct names left = disk->safe;
    size_t n = disk->n_pending;
    if (damage == LOSE_ALL)
        n = 0;
    else if (damage != LOSE_NOTHING)
        n = chance_below(chance, n + 1);
    for (size_t i = 0; i < n; i++)
        apply_name(&left, disk->pending[i], disk->created[i]);
    return left;
}

void disk_cut(const struct disk *disk, unsigned damage, struct chance *chance, const char *folder)
{
    struct names left = names_left(disk, (enum damage)damage, chance);
    for (size_t i = 0; i < left.n; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, left.names[i].text);
        if (left.names[i].content)
            write_content(left.names[i].content, (enum damage)damage, chance, path);
    }
}
