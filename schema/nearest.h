/* The known word that is most like a mistyped one, for errors that name a way out. Pure. [any] */
#ifndef AWAITD_SCHEMA_NEAREST_H
#define AWAITD_SCHEMA_NEAREST_H

#include <stddef.h>

/* The one of n words with the smallest edit distance, if it is small enough for a slip (a third of
 * the word's length, at least 2); else NULL. */
const char *nearest(const char *word, const char *const *words, size_t n);

#endif
