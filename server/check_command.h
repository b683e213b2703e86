/* `awaitd check FILE`: is a database in order? [main] */
#ifndef AWAITD_SERVER_CHECK_COMMAND_H
#define AWAITD_SERVER_CHECK_COMMAND_H

#define CHECK_COMMAND "check"

/* main of it. One line on standard output for each thing that is wrong, and one that sums up. The
 * exit status: 0 in order, 1 not in order, or one of sysexits.h: it could not be looked at. */
int check_main(int argc, char *const *argv);

#endif
