/* The tree of a task, drawn for a terminal: `?format=text`. [http] */
#ifndef AWAITD_SERVER_TREE_TEXT_H
#define AWAITD_SERVER_TREE_TEXT_H

#include "server/request.h"

/* Answers with the drawing of what tree.c has written as JSON. Takes the buffer. */
void tree_reply_text(struct request *request, struct buffer *json);

#endif
