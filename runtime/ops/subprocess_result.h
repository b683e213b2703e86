/* What a job sees of a process that ended: the result, or the exception that Python raises. Pure.
 * [loop] */
#ifndef AWAITD_RUNTIME_OPS_SUBPROCESS_RESULT_H
#define AWAITD_RUNTIME_OPS_SUBPROCESS_RESULT_H

#include "runtime/exception.h"
#include "runtime/host.h"

/* {"returncode", "stdout", "stderr"}, and "signal" with its name when one ended it. Of a stream
 * beyond the limit "stdout" is the beginning, "stdout_tail" the end, and "stdout_dropped" counts
 * the bytes between. What is not UTF-8 is "stdout_base64", "stdout_tail_base64" instead.
 * Exceptions: FileNotFoundError, PermissionError or OSError when it could not be started; with
 * `check` CalledProcessError for a returncode other than 0. */
struct value *subprocess_outcome(const struct plan *plan, uint32_t node,
                                 const struct process *process, bool check);

#endif
