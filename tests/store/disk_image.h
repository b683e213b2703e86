/* What a power cut may leave of a recording: at a point of it, all that was synced, and of the rest
 * what a pattern of damage says. Main thread. */
#ifndef AWAITD_TESTS_STORE_DISK_IMAGE_H
#define AWAITD_TESTS_STORE_DISK_IMAGE_H

#include <stdbool.h>

#include "tests/store/random.h"
#include "tests/store/recording_vfs.h"

struct disk;

/* Before the first event. `recording` is borrowed. */
struct disk *disk_new(const struct recording *recording);
void disk_free(struct disk *disk);

/* Carries out the next event; NULL at the end. Borrowed. */
const struct disk_event *disk_next(struct disk *disk);
/* The one that disk_next will carry out, or NULL. */
const struct disk_event *disk_peek(const struct disk *disk);
/* Is there anything that a power cut would not leave for sure? */
bool disk_is_unsettled(const struct disk *disk);

#define DAMAGES 10 /* kinds of damage: 0 loses all that was not synced, 1 nothing */

/* Writes the files that are left into the folder, which is empty. */
void disk_cut(const struct disk *disk, unsigned damage, struct chance *chance, const char *folder);

#endif
