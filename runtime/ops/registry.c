/* The ops that a spec may use: one line each. */
#include "runtime/ops/op.h"

#define OPS(X)                                                                                     \
    X(await)                                                                                       \
    X(call)                                                                                        \
    X(cancel)                                                                                      \
    X(create_task)                                                                                 \
    X(future)                                                                                      \
    X(gather)                                                                                      \
    X(group)                                                                                       \
    X(http)                                                                                        \
    X(log)                                                                                         \
    X(map)                                                                                         \
    X(race)                                                                                        \
    X(raise)                                                                                       \
    X(reschedule)                                                                                  \
    X(retry)                                                                                       \
    X(semaphore)                                                                                   \
    X(sequence)                                                                                    \
    X(shield)                                                                                      \
    X(sleep)                                                                                       \
    X(stream)                                                                                      \
    X(subprocess)                                                                                  \
    X(thread)                                                                                      \
    X(timeout)                                                                                     \
    X(try)                                                                                         \
    X(value)                                                                                       \
    X(wait)

#define DECLARE(name) extern const struct op op_##name;
OPS(DECLARE)

static const struct op_shape *const shapes[] = {
#define SHAPE(name) &op_##name.shape,
    OPS(SHAPE)};

const struct op_table op_registry = {shapes, sizeof shapes / sizeof *shapes};
