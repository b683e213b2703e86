/* Which addresses jobs may connect to. */
#include <string.h>

#include "runtime/host/net_policy.h"
#include "tests/suites.h"

extern CU_TestInfo tests_net_policy[];

static const char *const never[] = {
    "169.254.169.254", "169.254.0.0", "169.254.255.255", "0.0.0.0", "0.255.255.255", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200",
    "192.0.0.192", "::", "fe80::1", "febf:ffff::1", "ff02::1", "fd00:ec2::254", "fd00:ec2::23",
    "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe",
    /* leading there */
    "::ffff:169.254.169.254", "::ffff:0:169.254.169.254", "::169.254.169.254", "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:e000:1::1",
    "2001:0:1234:5678:0:0:5601:5601", NULL};

static const char *const private[] = {
    "127.0.0.1", "127.255.255.255", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
    "192.168.0.0", "192.168.255.255", "100.64.0.0", "100.127.255.255", "192.0.0.1", "192.0.2.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1", "::1",
    "fc00::", "fdff:ffff::1", "fec0::1", "100::1", "2001:db8::1", "64:ff9b:1::808:808",
    /* leading there */
    "::ffff:127.0.0.1", "::ffff:0:10.0.0.1", "::10.0.0.1", "64:ff9b::192.168.0.1",
    "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:1234:5678:0:0:80ff:fffe", NULL};

static const char *const public[] = {"8.8.8.8",         "1.0.0.0",
                                     "9.255.255.255",   "11.0.0.0",
                                     "100.63.255.255",  "100.128.0.0",
                                     "126.255.255.255", "128.0.0.0",
                                     "169.253.255.255", "169.255.0.0",
                                     "172.15.255.255",  "172.32.0.0",
                                     "192.167.255.255", "192.169.0.0",
                                     "198.17.255.255",  "198.20.0.0",
                                     "223.255.255.255", "168.63.129.15",
                                     "2606:4700::1111", "2a00::",
                                     "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
                                     "2002:808:808::",  "2001:4860:4860::8888",
                                     "fbff::1",         NULL};

static bool permits(const struct net_policy *policy, const char *text)
{
    struct net_address address;
    CU_ASSERT_TRUE_FATAL(net_address_parse(text, &address));
    return net_policy_permits(policy, &address);
}

static void check_all(const struct net_policy *policy, const char *const *addresses, bool permitted)
{
    for (; *addresses; addresses++)
        if (permits(policy, *addresses) != permitted)
            CU_FAIL(*addresses);
}

static void init(struct net_policy *policy, bool allows_private, const char *allowed)
{
    struct error e;
    CU_ASSERT_EQUAL_FATAL(net_policy_init(policy, allows_private, allowed, &e), 0);
}

static void what_only_this_machine_asks_for(void)
{
    struct net_policy policy;
    init(&policy, true, "");
    check_all(&policy, never, false);
    check_all(&policy, private, true);
    check_all(&policy, public, true);
    net_policy_release(&policy);
}

static void what_others_ask_for(void)
{
    struct net_policy policy;
    init(&policy, false, "");
    check_all(&policy, never, false);
    check_all(&policy, private, false);
    check_all(&policy, public, true);
    net_policy_release(&policy);
}

static void never_is_never(void)
{
    struct net_policy policy;
    init(&policy, false, "0.0.0.0/0,::/0,169.254.169.254,fe80::/10");
    check_all(&policy, never, false);
    check_all(&policy, private, true);
    net_policy_release(&policy);
}

static void what_is_allowed(void)
{
    struct net_policy policy;
    init(&policy, false, "10.1.0.0/16,,192.168.7.9,172.16.0.0/13,fd12::/16,::ffff:127.0.0.0/104");
    static const char *const allowed[] = {
        "10.1.0.0",          "10.1.255.255",   "192.168.7.9", "172.16.0.1",
        "172.23.255.255",    "fd12::1",        "127.0.0.1",   "::ffff:10.1.2.3",
        "64:ff9b::10.1.2.3", "2002:a01:203::", NULL};
    static const char *const others[] = {"10.0.255.255", "10.2.0.0",        "192.168.7.8",
                                         "192.168.7.10", "172.24.0.0",      "fd13::1",
                                         "::1",          "::ffff:10.2.2.3", NULL};
    check_all(&policy, allowed, true);
    check_all(&policy, others, false);
    net_policy_release(&policy);
}

static void ranges_that_are_none(void)
{
    static const char *const bad[] = {"10.0.0.1/8",
                                      "10.0.0.0/33",
                                      "::/129",
                                      "10.0.0.0/",
                                      "10.0.0",
                                      "localhost",
                                      "10.0.0.0/8 ",
                                      "10.0.0.0/-8",
                                      "10.0.0.0/8/8",
                                      "fd00::1/64",
                                      "10.0.0.0/0",
                                      "[::1]",
                                      "*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct net_policy policy;
        struct error e;
        CU_ASSERT_EQUAL(net_policy_init(&policy, false, bad[i], &e), -ERROR_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, bad[i]));
        net_policy_release(&policy);
    }
}

static void the_reason_names_address_and_option(void)
{
    static const struct {
        const char *address, *text;
    } known[] = {
        {"169.254.169.254", "169.254.169.254 is link-local, where clouds have their metadata: no "
                            "job may connect to it, whatever --allow-net of the server says"},
        {"fd12::1", "fd12::1 is a private network's: as this server listens for others too, its "
                    "jobs may connect there only if --allow-net names it, as in --allow-net "
                    "fd12::1"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct buffer text = {0};
        struct net_address address;
        net_address_parse(known[i].address, &address);
        net_policy_explain(&address, &text);
        CU_ASSERT_STRING_EQUAL(text.bytes, known[i].text);
        buffer_release(&text);
    }
}

CU_TestInfo tests_net_policy[] = {
    {"what_only_this_machine_asks_for", what_only_this_machine_asks_for},
    {"what_others_ask_for", what_others_ask_for},
    {"never_is_never", never_is_never},
    {"what_is_allowed", what_is_allowed},
    {"ranges_that_are_none", ranges_that_are_none},
    {"the_reason_names_address_and_option", the_reason_names_address_and_option},
    CU_TEST_INFO_NULL,
};
