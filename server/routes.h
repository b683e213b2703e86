/* The one table of what this server answers to: method, path, handler. [http] */
#ifndef AWAITD_SERVER_ROUTES_H
#define AWAITD_SERVER_ROUTES_H

#include "server/request.h"

enum body_rule { BODY_NONE, BODY_OPTIONAL, BODY_REQUIRED, BODY_STREAMED };

/* What a token will have to allow, once there are tokens. */
enum scope { SCOPE_NONE, SCOPE_READ, SCOPE_SUBMIT, SCOPE_CANCEL, SCOPE_ADMIN };

struct route {
    enum method method;
    const char *path; /* "{id}" stands for the id of a task or a group, "{name}" for a
                       * name, "{token}" for one of callback.h */
    void (*handle)(struct request *request);
    enum body_rule body;
    enum scope scope;
};

/* BODY_STREAMED: the handler is called at the end of the body, which went through these. */
struct body_stream {
    void (*handle)(struct request *request); /* the route's */
    /* At its beginning; may answer. */
    void (*open)(struct request *request);
    /* For what came, as long as nobody answered. It may park, and is called again with what it left
     * over, and what came since; *size is how much that is. 0, or the status and the detail of a
     * problem, which is the end of it. */
    unsigned (*take)(struct request *request, const char *bytes, size_t *size, char detail[400]);
};
/* NULL: it is not streamed, or there is no route. */
const struct body_stream *route_stream(const struct route *route);
/* Makes jobs, or asks those that run: not possible in safe mode. */
bool route_needs_jobs(const struct route *route);
void open_stdin(struct request *request); /* stdin.c, both */
unsigned take_stdin(struct request *request, const char *bytes, size_t *size, char detail[400]);

/* Cuts request->path into path and query, and finds the route and the id or the
 * name, which may be a bad one. False when there is none:
 * then it is answered (404, 405, or the 204 of OPTIONS), or the query could not be read (400). */
bool routes_find(struct request *request);

enum method method_parse(const char *name);

/* The handlers, each in the file of its resource. They answer or park. */
void submit_task(struct request *request);           /* submit.c */
void put_task(struct request *request);              /* put_task.c */
void list_tasks(struct request *request);            /* list.c */
void get_task(struct request *request);              /* tasks.c */
void cancel_task(struct request *request);           /* tasks.c */
void reschedule_task(struct request *request);       /* reschedule.c */
void set_task_future(struct request *request);       /* futures.c */
void get_callback(struct request *request);          /* futures.c */
void post_callback(struct request *request);         /* futures.c */
void delete_task(struct request *request);           /* tasks.c */
void signal_process(struct request *request);        /* signal.c */
void end_stdin(struct request *request);             /* stdin.c */
void get_task_tree(struct request *request);         /* tree.c */
void get_task_log(struct request *request);          /* log.c */
void open_group(struct request *request);            /* groups.c */
void list_groups(struct request *request);           /* group_list.c */
void get_group(struct request *request);             /* groups.c */
void delete_group(struct request *request);          /* groups.c */
void submit_to_group(struct request *request);       /* groups.c */
void close_group(struct request *request);           /* groups.c */
void cancel_group(struct request *request);          /* groups.c */
void put_coroutine(struct request *request);         /* coroutines.c */
void get_coroutine(struct request *request);         /* coroutines.c */
void list_coroutines(struct request *request);       /* coroutines.c */
void delete_coroutine(struct request *request);      /* coroutines.c */
void list_functions(struct request *request);        /* functions.c */
void get_function(struct request *request);          /* functions.c */
void list_executors(struct request *request);        /* executors.c */
void put_executor(struct request *request);          /* executors.c */
void get_executor(struct request *request);          /* executors.c */
void delete_executor(struct request *request);       /* executors.c */
void post_loop(struct request *request);             /* loops.c */
void get_loops(struct request *request);             /* loops.c */
void get_loop(struct request *request);              /* loops.c */
void delete_loop(struct request *request);           /* loops.c */
void put_exception_handler(struct request *request); /* loops.c */
void run_until_complete(struct request *request);    /* submit.c */
void post_backup(struct request *request);           /* backups.c */
void resume_jobs(struct request *request);           /* safe_mode.c */
void get_health(struct request *request);            /* health.c */
void get_readiness(struct request *request);         /* health.c */
void get_contract(struct request *request);          /* health.c */

#endif
