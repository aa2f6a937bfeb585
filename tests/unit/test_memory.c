/* memory, cgroup: limits and out-of-memory kills, from a made-up root folder.
 */
#include "unit.h"

#include "node/memory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t gib = UINT64_C(1) << 30;

struct root {
    char path[64];
};

static void root_make(struct root *root)
{
    snprintf(root->path, sizeof(root->path), "/tmp/jobsched-memory.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root->path));
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void root_remove(const struct root *root)
{
    CU_ASSERT_EQUAL(nftw(root->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* With all folders above it. */
static void put(const struct root *root, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root->path, name);
    for (char *slash = path + strlen(root->path) + 1;
         (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void put_machine(const struct root *root)
{
    put(root, "/proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:        1 kB\n");
}

static void test_nothing_known(void)
{
    struct root root;
    struct js_oom_counter counter;
    root_make(&root);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 0);
    js_oom_counter_open(&counter, root.path);
    CU_ASSERT_EQUAL(js_oom_counter_read(&counter), 0);
    js_oom_counter_close(&counter);
    put_machine(&root);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    root_remove(&root);
}

static void test_version_2(void)
{
    struct root root;
    struct js_oom_counter counter;
    root_make(&root);
    put_machine(&root);
    put(&root, "/proc/self/cgroup", "0::/job/step\n");
    put(&root, "/sys/fs/cgroup/job/step/memory.max", "max\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    put(&root, "/sys/fs/cgroup/job/memory.max", "4294967296\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 4 * gib);
    put(&root, "/sys/fs/cgroup/job/step/memory.max", "1073741824\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), gib);
    put(&root, "/sys/fs/cgroup/job/step/memory.events",
        "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\n");
    js_oom_counter_open(&counter, root.path);
    CU_ASSERT_EQUAL(js_oom_counter_read(&counter), 3);
    put(&root, "/sys/fs/cgroup/job/step/memory.events", "oom_kill 12\n");
    CU_ASSERT_EQUAL(js_oom_counter_read(&counter), 12);
    js_oom_counter_close(&counter);
    root_remove(&root);
}

static void test_version_1(void)
{
    struct root root;
    struct js_oom_counter counter;
    root_make(&root);
    put_machine(&root);
    put(&root, "/proc/self/cgroup",
        "12:cpuset:/x\n5:memory:/slurm/job_7\n1:name=systemd:/y\n");
    put(&root, "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "9223372036854771712\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    put(&root, "/sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes",
        "2147483648\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 2 * gib);
    put(&root, "/sys/fs/cgroup/memory/slurm/job_7/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    js_oom_counter_open(&counter, root.path);
    CU_ASSERT_EQUAL(js_oom_counter_read(&counter), 1);
    js_oom_counter_close(&counter);
    root_remove(&root);
}

/* Slurm's grant in megabytes: of the node, for each CPU of it; 0 is none. */
static void test_allocation_of_slurm(void)
{
    struct root root;
    root_make(&root);
    put_machine(&root);
    setenv("SLURM_MEM_PER_NODE", "2048", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    setenv("SLURM_JOB_ID", "7", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 2 * gib);
    setenv("SLURM_MEM_PER_NODE", "0", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    setenv("SLURM_MEM_PER_NODE", "99999999", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    unsetenv("SLURM_MEM_PER_NODE");
    setenv("SLURM_MEM_PER_CPU", "512", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 16 * gib);
    setenv("SLURM_CPUS_ON_NODE", "6", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 3 * gib);
    setenv("SLURM_MEM_PER_NODE", "1G", 1);
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), gib);
    put(&root, "/proc/self/cgroup", "0::/job\n");
    put(&root, "/sys/fs/cgroup/job/memory.max", "4096\n");
    CU_ASSERT_EQUAL(js_memory_limit_bytes(root.path), 4096);
    unsetenv("SLURM_MEM_PER_NODE");
    unsetenv("SLURM_MEM_PER_CPU");
    unsetenv("SLURM_CPUS_ON_NODE");
    unsetenv("SLURM_JOB_ID");
    root_remove(&root);
}

/* Whole cores, at least one; of our group and all above it. */
static void test_quota_of_version_2(void)
{
    struct root root;
    root_make(&root);
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 0);
    put(&root, "/proc/self/cgroup", "0::/job/step\n");
    put(&root, "/sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 0);
    put(&root, "/sys/fs/cgroup/job/cpu.max", "250000 100000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 2);
    put(&root, "/sys/fs/cgroup/job/step/cpu.max", "800000 100000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 2);
    put(&root, "/sys/fs/cgroup/job/step/cpu.max", "5000 100000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 1);
    root_remove(&root);
}

static void test_quota_of_version_1(void)
{
    struct root root;
    root_make(&root);
    /* As in a container, which sees the path on the host. */
    put(&root, "/proc/self/cgroup",
        "9:cpuset:/x\n4:cpu,cpuacct:/docker/5\n3:memory:/docker/5\n");
    put(&root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
    put(&root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 3);
    put(&root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 0);
    put(&root, "/sys/fs/cgroup/cpu,cpuacct/docker/5/cpu.cfs_quota_us",
        "50000\n");
    put(&root, "/sys/fs/cgroup/cpu,cpuacct/docker/5/cpu.cfs_period_us",
        "25000\n");
    CU_ASSERT_EQUAL(js_cgroup_cores(root.path), 2);
    root_remove(&root);
}

static void test_here(void)
{
    CU_ASSERT(js_memory_limit_bytes("") > 16 * 1024 * 1024);
}

static const struct unit_test tests[] = {
    {"nothing is known", test_nothing_known},
    {"cgroups, version 2", test_version_2},
    {"cgroups, version 1", test_version_1},
    {"the grant of Slurm", test_allocation_of_slurm},
    {"quota of cgroups, version 2", test_quota_of_version_2},
    {"quota of cgroups, version 1", test_quota_of_version_1},
    {"of this machine", test_here},
    {NULL, NULL},
};

const struct unit_suite suite_memory = {"memory", tests};
