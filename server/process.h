/* What the requests about a running process share. [http] */
#ifndef AWAITD_SERVER_PROCESS_H
#define AWAITD_SERVER_PROCESS_H

#include "server/request.h"

/* Parks the request and asks; request->process says what of whom, and is done then. */
void process_ask(struct request *request, void (*next)(struct request *request));

/* The status, and the detail (NUL-terminated) of a problem that says why it could not be done. */
unsigned process_explain(const struct process_request *asked, char detail[400]);

/* Answers with that. */
void process_refuse(struct request *request);

#endif
