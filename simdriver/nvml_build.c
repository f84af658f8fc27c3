#include "simdriver/nvml.h"

/* Compiled once for each shared object, with the driver whose library it is. */
uint32_t nvml_build_driver(void)
{
    return SIM_BUILD_DRIVER;
}
