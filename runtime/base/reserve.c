#include "runtime/base/reserve.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "schema/allocate.h"

#define PIECES 16
#define PIECE ((size_t)256 << 10)

/* Mapped, not allocated: what is unmapped serves whichever of malloc's arenas needs it. */
static _Atomic(void *) pieces[PIECES];
static atomic_int n_missing;
static _Thread_local enum reserve_use use_here;

/* MAP_POPULATE: a promise of memory is none. */
static bool refill(void)
{
    for (int i = 0; i < PIECES; i++) {
        void *none = NULL;
        if (atomic_load(&pieces[i]))
            continue;
        void *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (piece == MAP_FAILED)
            return false;
        if (atomic_compare_exchange_strong(&pieces[i], &none, piece))
            atomic_fetch_sub(&n_missing, 1);
        else
            munmap(piece, PIECE); /* another thread was quicker */
    }
    return true;
}

bool reserve_give(void)
{
    for (int i = 0; i < PIECES; i++) {
        void *piece = atomic_exchange(&pieces[i], NULL);
        if (!piece)
            continue;
        munmap(piece, PIECE);
        if (atomic_fetch_add(&n_missing, 1) == 0)
            log_line(LOG_WARNING, "out of memory: running tasks get the reserve; no new ones "
                                  "until there is more");
        return true;
    }
    return false;
}

static bool make_room(size_t size)
{
    if (use_here == RESERVE_NONE)
        return false;
    if (size <= PIECES * PIECE && reserve_give())
        return true;
    if (use_here == RESERVE_TO_THE_END)
        reserve_end();
    return false;
}

bool reserve_open(void)
{
    atomic_store(&n_missing, PIECES);
    allocate_on_shortage(make_room);
    return refill();
}

void reserve_use(enum reserve_use use)
{
    use_here = use;
}

bool reserve_is_short(void)
{
    if (atomic_load_explicit(&n_missing, memory_order_relaxed) == 0)
        return false;
    if (!refill())
        return true;
    log_line(LOG_INFO, "the reserve of memory is whole again: new tasks are taken");
    return false;
}

void reserve_end(void)
{
    log_line(LOG_ERROR, "out of memory, and the reserve is used up: exiting; what was acknowledged "
                        "is on disk and goes on at the next start");
    _exit(EX_OSERR);
}
