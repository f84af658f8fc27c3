/* What stands in for a test that needs GLPK where it was not found. */
#include <stdio.h>

enum { SKIPPED = 77 };

int main(void)
{
    puts("SKIP: GLPK was not there when this was set up (libglpk-dev)");
    return SKIPPED;
}
