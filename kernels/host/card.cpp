// A card and its compiler, played by the host, for tests of the CUDA back end where there is neither: as much of libcuda and of
// libnvrtc as the back end calls, in one library under both names. Texts become libraries by a C++ compiler and cuda_host.h, memory
// ends at pages nobody may touch and is gone once it is freed, and what is asked of a stream is done before the call returns.
//
// It cannot show what a card does at the same time, nor anything about speed. It is no part of any program.
//
// CORTEXKG_CARD names a folder for libraries; beside CUDA's names it must have `include`, a link to this folder.

#include <atomic>
#include <ctime>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>

#include "cuda_host.h"

#define API extern "C" __attribute__((visibility("default"))) int

typedef unsigned long long Pointer;

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
    COOPERATIVE_LAUNCH_TOO_LARGE = 720
};

static const size_t CARD_BYTES = (size_t)2 << 30;

// Tests use cards from several threads. One launch at a time: a library's threads of a block are its own.
static std::mutex memory_lock, launch_lock;
static std::map<Pointer, size_t> memory;

// Under the lock.
static size_t used() {
    size_t bytes = 0;
    for (auto &[pointer, taken] : memory) {
        bytes += taken;
    }
    return bytes;
}

// Says what is wrong with a range of the card's memory.
static void check(Pointer first, size_t bytes, const char *call) {
    std::lock_guard<std::mutex> held(memory_lock);
    auto after = memory.upper_bound(first);
    if (after == memory.begin() || first + bytes > std::prev(after)->first + std::prev(after)->second) {
        host::fail("%s: %zu bytes at %llx are no memory of the card", call, bytes, first);
    }
}

API cuInit(unsigned) { return SUCCESS; }
API cuDriverGetVersion(int *version) { return *version = 13000, SUCCESS; }
API cuDeviceGet(int *device, int ordinal) { return *device = ordinal, ordinal == 0 ? SUCCESS : INVALID_VALUE; }
API cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
API cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = CARD_BYTES, SUCCESS; }
API cuDevicePrimaryCtxRetain(void **context, int) { return *context = (void *)&memory, SUCCESS; }
API cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }

API cuDeviceGetName(char *name, int room, int) {
    snprintf(name, (size_t)room, "played by the host");
    return SUCCESS;
}

API cuDeviceGetAttribute(int *value, int attribute, int) {
    // Compute capability 9.0 unless said otherwise, with pools of memory; two multiprocessors, on which all blocks of a launch may be at once.
    const char *major = getenv("CORTEXKG_CARD_MAJOR");
    *value = attribute == 75 ? (major == nullptr ? 9 : atoi(major)) : attribute == 115 || attribute == 95 ? 1 : attribute == 16 ? 2 : 0;
    return SUCCESS;
}

static thread_local void *bound;
API cuCtxGetCurrent(void **context) { return *context = bound, SUCCESS; }
API cuCtxSetCurrent(void *context) { return bound = context, SUCCESS; }
API cuCtxSynchronize() { return SUCCESS; }

API cuStreamCreate(void **stream, unsigned) { return *stream = new char, SUCCESS; }
API cuStreamSynchronize(void *) { return SUCCESS; }
API cuStreamWaitEvent(void *, void *, unsigned) { return SUCCESS; }
API cuStreamDestroy_v2(void *stream) { return delete (char *)stream, SUCCESS; }

API cuEventCreate(void **event, unsigned) { return *event = new timespec(), SUCCESS; }
API cuEventRecord(void *event, void *) { return clock_gettime(CLOCK_MONOTONIC, (timespec *)event), SUCCESS; }
API cuEventQuery(void *) { return SUCCESS; }
API cuEventSynchronize(void *) { return SUCCESS; }
API cuEventDestroy_v2(void *event) { return delete (timespec *)event, SUCCESS; }

API cuEventElapsedTime_v2(float *ms, void *first, void *last) {
    timespec *from = (timespec *)first, *to = (timespec *)last;
    *ms = (float)(to->tv_sec - from->tv_sec) * 1e3f + (float)(to->tv_nsec - from->tv_nsec) * 1e-6f;
    return SUCCESS;
}

API cuMemGetInfo_v2(size_t *free, size_t *total) {
    std::lock_guard<std::mutex> held(memory_lock);
    *total = CARD_BYTES;
    *free = CARD_BYTES - used();
    return SUCCESS;
}

API cuMemAllocAsync(Pointer *pointer, size_t bytes, void *) {
    std::lock_guard<std::mutex> held(memory_lock);
    if (bytes > CARD_BYTES - used()) {
        return OUT_OF_MEMORY;
    }
    // Blocks begin where vectors may lie.
    unsigned char *made = host::guarded((bytes + 15) / 16 * 16);
    memset(made, 0xcd, bytes);
    *pointer = (Pointer)made;
    memory[*pointer] = bytes;
    return SUCCESS;
}

API cuMemFreeAsync(Pointer pointer, void *) {
    std::lock_guard<std::mutex> held(memory_lock);
    auto found = memory.find(pointer);
    if (found == memory.end()) {
        host::fail("cuMemFreeAsync: %llx is no memory of the card", pointer);
    }
    // From now on nobody may touch it.
    size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (size_t)pointer / page * page;
    mmap((void *)first, (size_t)pointer + found->second - first, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memory.erase(found);
    return SUCCESS;
}

API cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, void *) {
    check(to, bytes, "cuMemsetD8Async");
    return memset((void *)to, value, bytes), SUCCESS;
}

API cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) {
    check(to, bytes, "cuMemcpyHtoDAsync");
    return memcpy((void *)to, from, bytes), SUCCESS;
}

API cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) {
    check(from, bytes, "cuMemcpyDtoHAsync");
    return memcpy(to, (const void *)from, bytes), SUCCESS;
}

API cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) {
    check(to, bytes, "cuMemcpyDtoDAsync");
    check(from, bytes, "cuMemcpyDtoDAsync");
    return memcpy((void *)to, (const void *)from, bytes), SUCCESS;
}

API cuMemHostAlloc(void **made, size_t bytes, unsigned) { return *made = malloc(bytes), SUCCESS; }
API cuMemFreeHost(void *made) { return free(made), SUCCESS; }

typedef bool (*Play)(const char *, const void *, unsigned, unsigned, unsigned, bool, bool);

struct Function {
    Play play;
    std::string entry;
};

// Machine code is the name of a library.
API cuModuleLoadData(void **module, const void *code) {
    *module = dlopen((const char *)code, RTLD_NOW | RTLD_LOCAL);
    if (*module == nullptr) {
        fprintf(stderr, "%s\n", dlerror());
    }
    return *module == nullptr ? INVALID_IMAGE : SUCCESS;
}

API cuModuleUnload(void *module) { return dlclose(module), SUCCESS; }

API cuModuleGetFunction(void **function, void *module, const char *name) {
    // Kept for good: a driver's functions go with their module, and tests are short.
    Function *made = new Function{(Play)dlsym(module, "play_entry"), name + strlen("kernel_")};
    *function = made;
    return made->play != nullptr && made->play(made->entry.c_str(), nullptr, 0, 0, 0, false, false) ? SUCCESS : NOT_FOUND;
}

static int launch(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                  unsigned threads_z, void **parameters, bool resident) {
    if (x == 0 || y == 0 || z != 1 || x > 0x7fffffffu || y > 65535u || threads_y != 1 || threads_z != 1) {
        return INVALID_VALUE;
    }
    const Function *called = (const Function *)function;
    std::lock_guard<std::mutex> held(launch_lock);
    called->play(called->entry.c_str(), parameters[0], x, y, threads, resident, true);
    return SUCCESS;
}

API cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                   unsigned threads_z, unsigned, void *, void **parameters, void **) {
    return launch(function, x, y, z, threads, threads_y, threads_z, parameters, false);
}

// As many blocks as a launch may have under way on each multiprocessor.
static const unsigned BLOCKS_AT_ONCE = 3;

API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, void *, int, size_t, unsigned) {
    return *blocks = (int)BLOCKS_AT_ONCE, SUCCESS;
}

API cuLaunchCooperativeKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                              unsigned threads_z, unsigned, void *, void **parameters) {
    if ((unsigned long long)x * y > 2 * BLOCKS_AT_ONCE) {
        return COOPERATIVE_LAUNCH_TOO_LARGE;
    }
    return launch(function, x, y, z, threads, threads_y, threads_z, parameters, true);
}

API cuGetErrorString(int, const char **words) { return *words = "an error of the card that the host plays", SUCCESS; }
API cuGetErrorName(int, const char **words) { return *words = "HOST", SUCCESS; }

struct Program {
    std::string name, text, log, code;
};

API nvrtcVersion(int *major, int *minor) { return *major = 13, *minor = 0, SUCCESS; }

API nvrtcCreateProgram(void **program, const char *text, const char *name, int, const char *const *, const char *const *) {
    *program = new Program{name, text, "", ""};
    return SUCCESS;
}

API nvrtcCompileProgram(void *made, int, const char *const *) {
    Program &program = *(Program *)made;
    static std::atomic<int> number;
    std::string folder = getenv("CORTEXKG_CARD");
    std::string stem = folder + "/" + program.name + "-" + std::to_string(getpid()) + "-" + std::to_string(number++);
    FILE *source = fopen((stem + ".cpp").c_str(), "w");
    if (source == nullptr) {
        program.log = "no place for a library in " + folder;
        return 6;
    }
    fprintf(source, "#include \"cuda_host.h\"\n#line 1\n%s\n#include \"cuda_card.h\"\n", program.text.c_str());
    fclose(source);
    std::string command = "g++ -std=c++17 -O1 -ffp-contract=off -fno-strict-aliasing -fvisibility=hidden -fno-gnu-unique "
                          "-Wno-attributes -shared -fPIC -I'" + folder + "/include' -o '" + stem + ".so' '" + stem + ".cpp'";
    program.code = stem + ".so";
    program.log = "the C++ compiler refuses " + stem + ".cpp";
    return system(command.c_str()) == 0 ? SUCCESS : 6;
}

API nvrtcGetProgramLogSize(void *made, size_t *bytes) { return *bytes = ((Program *)made)->log.size() + 1, SUCCESS; }
API nvrtcGetProgramLog(void *made, char *log) { return strcpy(log, ((Program *)made)->log.c_str()), SUCCESS; }
API nvrtcGetCUBINSize(void *made, size_t *bytes) { return *bytes = ((Program *)made)->code.size() + 1, SUCCESS; }
API nvrtcGetCUBIN(void *made, char *code) { return strcpy(code, ((Program *)made)->code.c_str()), SUCCESS; }
API nvrtcDestroyProgram(void **made) { return delete (Program *)*made, SUCCESS; }

// cuda_host.h names these; the card itself plays no text.
struct Arguments {};
Arguments host_arguments;
