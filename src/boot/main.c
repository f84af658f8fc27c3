#include "boot/boot.h"

int main(int argc, char **argv)
{
    return gs_boot_main(argc, argv);
}
