/*
 * Every function of libpmem2.map once more, under the version that PMDK 2.x gave it: a jump to the first. An alias would cost
 * nothing, but the linker gives two versions of one address in one object a single entry.
 */
#if defined(__x86_64__)
#define JUMP_TO(name) "jmp " name "@PLT"
#elif defined(__aarch64__)
#define JUMP_TO(name) "b " name
#elif defined(__riscv)
#define JUMP_TO(name) "tail " name "@plt"
#endif

#ifdef JUMP_TO
#define ALSO_IN_2_0(name) \
    __asm__(".text\n"                                    \
            ".p2align 4\n"                               \
            ".globl " #name "_in_2_0\n"                  \
            ".type " #name "_in_2_0, %function\n"        \
            #name "_in_2_0:\n" JUMP_TO(#name) "\n"       \
            ".size " #name "_in_2_0, . - " #name "_in_2_0\n" \
            ".symver " #name "_in_2_0, " #name "@LIBPMEM2_2.0\n")

ALSO_IN_2_0(pmem2_badblock_clear);
ALSO_IN_2_0(pmem2_badblock_context_delete);
ALSO_IN_2_0(pmem2_badblock_context_new);
ALSO_IN_2_0(pmem2_badblock_next);
ALSO_IN_2_0(pmem2_config_delete);
ALSO_IN_2_0(pmem2_config_new);
ALSO_IN_2_0(pmem2_config_set_length);
ALSO_IN_2_0(pmem2_config_set_offset);
ALSO_IN_2_0(pmem2_config_set_protection);
ALSO_IN_2_0(pmem2_config_set_required_store_granularity);
ALSO_IN_2_0(pmem2_config_set_sharing);
ALSO_IN_2_0(pmem2_config_set_vm_reservation);
ALSO_IN_2_0(pmem2_deep_flush);
ALSO_IN_2_0(pmem2_err_to_errno);
ALSO_IN_2_0(pmem2_errormsg);
ALSO_IN_2_0(pmem2_get_drain_fn);
ALSO_IN_2_0(pmem2_get_flush_fn);
ALSO_IN_2_0(pmem2_get_memcpy_fn);
ALSO_IN_2_0(pmem2_get_memmove_fn);
ALSO_IN_2_0(pmem2_get_memset_fn);
ALSO_IN_2_0(pmem2_get_persist_fn);
ALSO_IN_2_0(pmem2_map_delete);
ALSO_IN_2_0(pmem2_map_from_existing);
ALSO_IN_2_0(pmem2_map_get_address);
ALSO_IN_2_0(pmem2_map_get_size);
ALSO_IN_2_0(pmem2_map_get_store_granularity);
ALSO_IN_2_0(pmem2_map_new);
ALSO_IN_2_0(pmem2_perror);
ALSO_IN_2_0(pmem2_source_alignment);
ALSO_IN_2_0(pmem2_source_delete);
ALSO_IN_2_0(pmem2_source_device_id);
ALSO_IN_2_0(pmem2_source_device_usc);
ALSO_IN_2_0(pmem2_source_from_anon);
ALSO_IN_2_0(pmem2_source_from_fd);
ALSO_IN_2_0(pmem2_source_get_fd);
ALSO_IN_2_0(pmem2_source_numa_node);
ALSO_IN_2_0(pmem2_source_pread_mcsafe);
ALSO_IN_2_0(pmem2_source_pwrite_mcsafe);
ALSO_IN_2_0(pmem2_source_size);
ALSO_IN_2_0(pmem2_vm_reservation_delete);
ALSO_IN_2_0(pmem2_vm_reservation_extend);
ALSO_IN_2_0(pmem2_vm_reservation_get_address);
ALSO_IN_2_0(pmem2_vm_reservation_get_size);
ALSO_IN_2_0(pmem2_vm_reservation_map_find);
ALSO_IN_2_0(pmem2_vm_reservation_map_find_first);
ALSO_IN_2_0(pmem2_vm_reservation_map_find_last);
ALSO_IN_2_0(pmem2_vm_reservation_map_find_next);
ALSO_IN_2_0(pmem2_vm_reservation_map_find_prev);
ALSO_IN_2_0(pmem2_vm_reservation_new);
ALSO_IN_2_0(pmem2_vm_reservation_shrink);
#endif
