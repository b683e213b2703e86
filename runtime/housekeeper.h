/* What keeps the database from growing without end: a thread that looks for tasks and groups whose
 * time is over (their ttl, or --retain), has the store forget them in small portions with pauses,
 * so that commits do not wait for it, and has the file shrink while nothing else is to be done. It
 * reads for itself; all that is written is written by the store's writer. */
#ifndef AWAITD_RUNTIME_HOUSEKEEPER_H
#define AWAITD_RUNTIME_HOUSEKEEPER_H

#include "runtime/retention.h"
#include "runtime/store/store.h"

struct housekeeper;

/* Copies the retention; borrows the store until housekeeper_stop. 0 or -code and *e. [main] */
int housekeeper_start(struct housekeeper **out, struct store *store,
                      const struct retention *retention, struct error *e);
/* Before store_close; NULL is fine. What it has begun it ends, which is a matter of one commit.
 * [main] */
void housekeeper_stop(struct housekeeper *keeper);

#endif
