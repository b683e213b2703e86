#include "runtime/operation.h"

#include <stdlib.h>

void answer_release(struct answer *answer)
{
    free(answer->type);
    free(answer->text);
    free(answer->details);
    *answer = (struct answer){0};
}

void operation_free(struct operation *operation)
{
    answer_release(&operation->answer);
    operation->free(operation);
}
