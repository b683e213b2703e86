#include "runtime/wall_watch.h"

int64_t wall_watch_look(struct wall_watch *watch, int64_t wall_us, int64_t ns)
{
    int64_t passed_us = (ns - watch->ns) / 1000;
    int64_t most_us = watch->wall_us + passed_us + passed_us / 10;
    if (watch->ns == 0 || wall_us <= most_us)
        watch->ahead_ns = 0;
    else if (watch->ahead_ns == 0)
        watch->ahead_ns = ns;
    if (watch->ahead_ns && ns - watch->ahead_ns < WALL_PATIENCE_NS)
        wall_us = most_us;
    else
        watch->ahead_ns = 0;
    watch->wall_us = wall_us;
    watch->ns = ns;
    return wall_us;
}
