/* The ceiling: libmicrohttpd set up as the server's is, with a handler that reads the body and
 * answers a constant of the size of a task. No JSON, no store, no other thread. bare PORT */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct MHD_Response *answer;

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_size, void **request)
{
    static int seen;
    (void)context, (void)url, (void)method, (void)version, (void)body;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (*body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_ACCEPTED, answer);
}

int main(int argc, char **argv)
{
    static char text[384];
    sigset_t ending;
    int signal;
    if (argc != 2)
        return EXIT_FAILURE;
    memset(text, ' ', sizeof text);
    memcpy(text, "{}", 2);
    answer = MHD_create_response_from_buffer(sizeof text, text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(answer, "Content-Type", "application/json");
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, (uint16_t)atoi(argv[1]), NULL,
                         NULL, handle, NULL, MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_END);
    if (!daemon)
        return EXIT_FAILURE;
    puts("ready");
    fflush(stdout);
    sigwait(&ending, &signal);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(answer);
    return EXIT_SUCCESS;
}
