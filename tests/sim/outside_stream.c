/* A peer whose behaviour stands in the host's name: "sim", then words with '|' in between. What it
 * does takes no time, but for the waiting:
 *
 *   connect=1   the connection stands after a second; the first of the words, if at all
 *   refuse      there is nobody: ConnectionRefusedError
 *   after=1     waits for a second
 *   say=text    as it stands; base64=… for other bytes
 *   echo        says what it has heard since the last time, and "." once it has heard EOF; comes
 *               after an `after`
 *   eof         has nothing more to say
 *   reset       ConnectionResetError
 *
 * What ends with none of the last two ends with a reset, after thirty years. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "schema/base64.h"
#include "runtime/stream.h"
#include "tests/sim/outside.h"

#define LONG 1e9 /* seconds */

struct peer {
    struct stream_request *request;
    struct buffer heard;
    double at;
    bool has_ended; /* it said eof */
};

static void hear(struct peer *peer)
{
    struct stream_request *request = peer->request;
    size_t n = stream_n_to_write(request);
    if (request->state == STREAM_OVER || n == 0)
        return;
    buffer_add(&peer->heard, request->out.bytes + request->n_written, n);
    stream_wrote(request, n);
}

static void say(struct peer *peer, const char *bytes, size_t size)
{
    BUG_ON(peer->has_ended);
    stream_received(peer->request, bytes, size);
}

static void say_base64(struct peer *peer, const char *text)
{
    size_t size, n = strlen(text);
    char *bytes = memory_new(base64_decoded_max(n) + 1);
    BUG_ON(!base64_decode(text, n, bytes, &size));
    say(peer, bytes, size);
    free(bytes);
}

static void echo(struct peer *peer)
{
    if (peer->request->wants_eof)
        buffer_char(&peer->heard, '.');
    say(peer, peer->heard.bytes, peer->heard.size);
    buffer_release(&peer->heard);
}

static void refuse(struct stream_request *request)
{
    char message[80];
    snprintf(message, sizeof message, "[Errno 111] Connect call failed ('127.0.0.1', %d)",
             request->port);
    stream_fail(request, "ConnectionRefusedError", message, NULL);
}

static void do_word(struct peer *peer, const char *word)
{
    struct stream_request *request = peer->request;
    const char *is = strchr(word, '=');
    if (strncmp(word, "after=", 6) == 0)
        peer->at += atof(is + 1);
    else if (strncmp(word, "say=", 4) == 0)
        say(peer, is + 1, strlen(is + 1));
    else if (strncmp(word, "base64=", 7) == 0)
        say_base64(peer, is + 1);
    else if (strcmp(word, "echo") == 0)
        echo(peer);
    else if (strcmp(word, "reset") == 0)
        stream_fail(request, "ConnectionResetError", "[Errno 104] Connection reset by peer", NULL);
    else
        BUG_ON(strcmp(word, "eof") != 0);
    if (strcmp(word, "eof") == 0) {
        peer->has_ended = true;
        stream_received_eof(request);
    }
    hear(peer);
}

static const char *connect_to(struct peer *peer, char **rest)
{
    const char *word = strtok_r(NULL, "|", rest);
    if (word && strncmp(word, "connect=", 8) == 0) {
        peer->at = atof(word + 8);
        word = strtok_r(NULL, "|", rest);
    }
    if (word && strcmp(word, "refuse") == 0) {
        refuse(peer->request);
    } else {
        stream_connected(peer->request);
        hear(peer);
    }
    return word;
}

double outside_talk(struct operation *operation)
{
    struct stream_request *request = stream_of(operation);
    struct peer peer = {.request = request};
    char *words = memory_text(request->host), *rest;
    BUG_ON(strcmp(strtok_r(words, "|", &rest), "sim") != 0);
    const char *word = connect_to(&peer, &rest);
    for (; word && request->state != STREAM_OVER; word = strtok_r(NULL, "|", &rest))
        do_word(&peer, word);
    if (request->state != STREAM_OVER) {
        peer.at = LONG;
        do_word(&peer, "reset");
    }
    free(words);
    buffer_release(&peer.heard);
    return peer.at;
}
