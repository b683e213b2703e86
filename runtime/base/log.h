/* The server's own log: one line each on standard error, for people by default, as JSON for
 * machines. Control characters never reach it unescaped. (The lines that jobs log are data:
 * runtime/store.) [any] */
#ifndef AWAITD_RUNTIME_BASE_LOG_H
#define AWAITD_RUNTIME_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_HUMAN, LOG_JSON };

/* The one process-wide setting: where lines go is the process's, as standard error is. [main, at
 * the start] */
void log_configure(enum log_format format, enum log_level least);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
