#include "agent/program.h"

int main(int argc, char **argv)
{
    return gs_program_main(argc, argv);
}
