/* What may be forgotten: tasks and groups that are found by walking along them. */
#include <string.h>

#include "runtime/group_record.h"
#include "runtime/housekeeping.h"

#define PAGE 500           /* tasks that are looked at in one go */
#define GROUPS_PAGE 16     /* they may have large results */
#define FULL_WALK_EVERY 60 /* walks: ids that clients chose say nothing about age */

/* ---- forgetting ---- */

static bool forget_slice(struct housekeeper *k)
{
    struct asking asking = {.request = {.verb = STORE_FORGET, .ids = k->ids, .n_ids = k->n_ids}};
    if (k->n_ids == 0)
        return true;
    housekeeper_ask(k, &asking, 1);
    if (asking.status == 0) {
        k->n_forgotten += k->n_ids;
        k->has_failed = false;
    }
    k->n_ids = 0;
    return housekeeper_is_well(k, asking.status, NULL) && !housekeeper_is_stopping(k);
}

static bool forget(struct housekeeper *k, const struct id *id)
{
    k->ids[k->n_ids++] = *id;
    return k->n_ids < SLICE || forget_slice(k);
}

/* ---- groups need what came of their tasks until they have finished ---- */

static bool read_group(struct housekeeper *k, const struct id *id)
{
    struct document *document;
    struct group_record record = {0};
    struct error e;
    char name[ID_TEXT_SIZE];
    id_format(id, name);
    int status = store_get_document(k->reader, GROUP_KIND, name, &document, &e);
    if (status != 0)
        return status != -ERROR_NOT_FOUND;
    status = group_record_read(&record, document, &e);
    bool goes_on = status != 0 || !group_state_is_final(record.facts.state);
    group_record_release(&record);
    document_free(document);
    return goes_on;
}

static bool group_goes_on(struct housekeeper *k, const struct id *id)
{
    struct known_group *known = &k->groups[id->bytes[15] & (GROUPS_KNOWN - 1)];
    if (!known->is_known || id_compare(&known->id, id) != 0)
        *known = (struct known_group){.id = *id, .is_known = true, .goes_on = read_group(k, id)};
    return known->goes_on;
}

static bool is_needed(struct housekeeper *k, const struct store_age *age)
{
    return age->finished_at_us == 0 || (age->has_group && group_goes_on(k, &age->group));
}

/* ---- tasks whose ttl is over ---- */

bool sweep_expired(struct housekeeper *k)
{
    struct store_age ages[SLICE];
    struct store_cursor cursor = {0};
    struct error e;
    size_t n;
    bool has_more = true, goes_on = true;
    int64_t now_us = k->now_us;
    while (has_more && goes_on) {
        int status = store_read_expired(k->reader, now_us, &cursor, SLICE, ages, &n, &has_more, &e);
        goes_on = housekeeper_is_well(k, status, e.text) && !housekeeper_is_stopping(k);
        for (size_t i = 0; goes_on && i < n; i++)
            goes_on = is_needed(k, &ages[i]) || forget(k, &ages[i].id);
    }
    return goes_on && forget_slice(k);
}

/* ---- tasks and groups that --retain says nothing good of ---- */

/* How many there are that are kept, while all are walked along, newest first. */
struct counts {
    uint64_t of_all, of_state[TASK_STATES];
};

static bool is_too_old(const struct housekeeper *k, enum task_state state, int64_t finished_at_us)
{
    int64_t age_us = k->retention.age_us[state];
    return age_us != RETENTION_FOREVER && finished_at_us + age_us <= k->now_us;
}

/* Of the groups of this state those that are older go as well. */
static void note_beyond(struct housekeeper *k, enum task_state state, const struct id *id)
{
    if (!k->has_beyond[state])
        k->beyond[state] = *id;
    k->has_beyond[state] = true;
}

/* What goes because of its state's limit takes no place among all. */
static bool is_beyond(struct housekeeper *k, struct counts *counts, const struct store_age *age)
{
    const struct retention *retention = &k->retention;
    if (counts->of_state[age->state] >= retention->count[age->state]) {
        note_beyond(k, age->state, &age->id);
        return true;
    }
    if (counts->of_all >= retention->count_of_all) {
        for (int i = TASK_SUCCEEDED; i < TASK_STATES; i++)
            note_beyond(k, (enum task_state)i, &age->id);
        return true;
    }
    counts->of_state[age->state]++;
    counts->of_all++;
    return false;
}

static bool judge(struct housekeeper *k, struct counts *counts, const struct store_age *age)
{
    if (age->has_ttl || age->finished_at_us == 0)
        return true;
    bool goes = is_too_old(k, age->state, age->finished_at_us) || is_beyond(k, counts, age);
    return !goes || is_needed(k, age) || forget(k, &age->id);
}

/* All tasks; or from those on that may be old enough, as their ids say. */
static bool walk_tasks(struct housekeeper *k, const struct id *from)
{
    struct store_age ages[PAGE];
    struct counts counts = {0};
    struct id before;
    struct error e;
    size_t n = PAGE;
    bool goes_on = true;
    while (goes_on && n == PAGE) {
        int status = store_read_ages(k->reader, from, PAGE, ages, &n, &e);
        goes_on = housekeeper_is_well(k, status, e.text) && !housekeeper_is_stopping(k);
        for (size_t i = 0; goes_on && i < n; i++)
            goes_on = judge(k, &counts, &ages[i]);
        if (n > 0)
            before = ages[n - 1].id;
        from = &before;
    }
    return goes_on && forget_slice(k);
}

static bool may_forget_group(const struct housekeeper *k, const struct group_record *record)
{
    static const enum task_state states[GROUP_STATES] = {[GROUP_SUCCEEDED] = TASK_SUCCEEDED,
                                                         [GROUP_FAILED] = TASK_FAILED,
                                                         [GROUP_CANCELLED] = TASK_CANCELLED};
    enum task_state state = states[record->facts.state];
    if (!group_state_is_final(record->facts.state))
        return false;
    return is_too_old(k, state, record->facts.finished_at_us) ||
           (k->has_beyond[state] && id_compare(&record->id, &k->beyond[state]) < 0);
}

/* Damaged ones are left alone. */
static bool forget_groups(struct housekeeper *k, struct document **documents, size_t n)
{
    struct asking askings[GROUPS_PAGE];
    struct error e;
    size_t n_asked = 0;
    int status = 0;
    for (size_t i = 0; i < n; i++) {
        struct group_record record;
        if (group_record_read(&record, documents[i], &e) == 0 && may_forget_group(k, &record))
            askings[n_asked++] =
                (struct asking){.request = {.verb = STORE_REMOVE, .document = *documents[i]}};
        group_record_release(&record);
    }
    if (n_asked > 0)
        housekeeper_ask(k, askings, n_asked);
    for (size_t i = 0; i < n_asked; i++)
        if (askings[i].status != 0 && askings[i].status != -ERROR_NOT_FOUND)
            status = askings[i].status;
    return housekeeper_is_well(k, status, NULL) && !housekeeper_is_stopping(k);
}

static bool walk_groups(struct housekeeper *k)
{
    struct document *documents[GROUPS_PAGE];
    char last[ID_TEXT_SIZE] = "";
    struct error e;
    size_t n = GROUPS_PAGE;
    bool goes_on = true;
    while (goes_on && n == GROUPS_PAGE) {
        int status = store_list_documents(k->reader, GROUP_KIND, *last ? last : NULL, GROUPS_PAGE,
                                          documents, &n, &e);
        goes_on = housekeeper_is_well(k, status, e.text) && forget_groups(k, documents, n);
        for (size_t i = 0; i < n; i++) {
            strncpy(last, documents[i]->name, sizeof last - 1);
            document_free(documents[i]);
        }
    }
    return goes_on;
}

/* Ids say when a task was made, and none ends before that. */
bool sweep_retained(struct housekeeper *k)
{
    int64_t least_us = retention_least_age(&k->retention);
    bool is_full = retention_has_count(&k->retention) || k->n_walks++ % FULL_WALK_EVERY == 0;
    memset(k->has_beyond, 0, sizeof k->has_beyond);
    if (is_full || least_us >= k->now_us)
        return walk_tasks(k, NULL) && walk_groups(k);
    struct id from = id_make(k->now_us - least_us + 1, 0);
    return walk_tasks(k, &from) && walk_groups(k);
}
