#include "gpu/soname.h"

#include <elf.h>
#include <string.h>

enum { SEGMENTS_MAX = 128, DYNAMIC_MAX = 4096 };

/* What of the dynamic section is of use. */
struct found {
    bool has_name;
    uint64_t name;    /* offset in the table of strings */
    uint64_t strings; /* address of that table */
    uint64_t size;
};

static bool read_dynamic(gs_soname_read read, void *ctx, const Elf64_Phdr *segment,
                         struct found *ret)
{
    uint64_t n = segment->p_filesz / sizeof(Elf64_Dyn);
    for (uint64_t i = 0; i < n && i < DYNAMIC_MAX; i++) {
        Elf64_Dyn entry;
        if (!read(ctx, segment->p_offset + i * sizeof(entry), &entry, sizeof(entry))) {
            return false;
        }
        switch (entry.d_tag) {
        case DT_NULL:
            return true;
        case DT_SONAME:
            ret->has_name = true;
            ret->name = entry.d_un.d_val;
            break;
        case DT_STRTAB:
            ret->strings = entry.d_un.d_ptr;
            break;
        case DT_STRSZ:
            ret->size = entry.d_un.d_val;
            break;
        default:
            break;
        }
    }
    return true;
}

/* An address to where it is in the file. */
static bool offset_of(const Elf64_Phdr *segments, unsigned n, uint64_t address, uint64_t *ret)
{
    for (unsigned i = 0; i < n; i++) {
        if (segments[i].p_type == PT_LOAD && address >= segments[i].p_vaddr &&
            address - segments[i].p_vaddr < segments[i].p_filesz) {
            *ret = segments[i].p_offset + (address - segments[i].p_vaddr);
            return true;
        }
    }
    return false;
}

static bool is_library(const Elf64_Ehdr *header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
           header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum <= SEGMENTS_MAX;
}

static bool read_name(gs_soname_read read, void *ctx, uint64_t offset, uint64_t most,
                      char ret[GS_SONAME_MAX])
{
    for (unsigned i = 0; i < GS_SONAME_MAX && i < most; i++) {
        if (!read(ctx, offset + i, &ret[i], 1)) {
            return false;
        }
        if (ret[i] == '\0') {
            return true;
        }
    }
    return false;
}

bool gs_soname(gs_soname_read read, void *ctx, char ret[GS_SONAME_MAX])
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[SEGMENTS_MAX];
    struct found found = {.has_name = false};
    if (!read(ctx, 0, &header, sizeof(header)) || !is_library(&header) ||
        !read(ctx, header.e_phoff, segments, header.e_phnum * sizeof(segments[0]))) {
        return false;
    }
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if (segments[i].p_type == PT_DYNAMIC && !read_dynamic(read, ctx, &segments[i], &found)) {
            return false;
        }
    }
    ret[0] = '\0';
    uint64_t strings = 0;
    return !found.has_name ||
           (found.name < found.size &&
            offset_of(segments, header.e_phnum, found.strings, &strings) &&
            read_name(read, ctx, strings + found.name, found.size - found.name, ret));
}
