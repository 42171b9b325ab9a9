// CUDA's language on a host, as far as the texts of kernels/ use it: a block's threads are fibers, which run one at a time until they
// reach a barrier or an exchange within a warp. What each waits for is known, so barriers that not all threads reach are found, and
// exchanges that not all lanes of a warp join. Threads of a block run in ascending or in descending order, so a barrier that is
// missing shows as wrong numbers in one of them. Shared memory is filled with rubbish before each block, and buffers end at pages
// that nobody may touch. Blocks run one after the other, but for entries whose blocks may wait for each other: those take turns.
//
// What it cannot show: races between threads that both orders hide, and anything about time. A text comes after this header, and after
// the text cuda_main.h, which makes it a program that plays one case, or cuda_card.h, which makes it a library for the card of card.cpp.
// Whatever is wrong ends the program with a reason.
#pragma once

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#define __device__
#define __launch_bounds__(threads)
// All shared memory lies together, so that it can be filled.
#define __shared__ static __attribute__((section("block_shared")))

struct uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) int4 { int x, y, z, w; };
struct dim3 { unsigned x, y, z; };

inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace host {

[[noreturn]] __attribute__((format(printf, 1, 2))) inline void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    _exit(3);
}

// Of all blocks under way.
const unsigned THREADS_MAX = 16384;
const unsigned WARP_LANES = 32;
const size_t STACK_BYTES = 64 << 10;

enum State { READY, AT_BARRIER, AT_EXCHANGE, AT_MEETING, DONE };

struct Thread {
    State state;
    // Line of the barrier or exchange it waits at.
    int line;
    // What it gave to its last two exchanges: the next may be given before all have looked at this one.
    uint64_t given[2];
    unsigned exchanges;
    bool begun;
    jmp_buf at;
};

inline Thread threads[THREADS_MAX];
// Threads of a block, and of these the first of the block that runs.
inline unsigned thread_count;
inline unsigned block_first;
inline unsigned current;
inline jmp_buf scheduler;
inline void (*body)();

}  // namespace host

inline dim3 threadIdx, blockIdx, gridDim;

extern "C" unsigned char __start_block_shared[] __attribute__((weak));
extern "C" unsigned char __stop_block_shared[] __attribute__((weak));

namespace host {

// Hands over to the scheduler until it lets this thread go on.
inline void wait(State state, int line) {
    Thread &thread = threads[current];
    thread.state = state;
    thread.line = line;
    if (_setjmp(thread.at) == 0) {
        _longjmp(scheduler, 1);
    }
}

inline void barrier(int line) {
    wait(AT_BARRIER, line);
}

// Gives a number to the warp; where to find everybody's.
inline unsigned exchange(uint64_t number, int line) {
    Thread &thread = threads[current];
    unsigned slot = thread.exchanges++ % 2;
    thread.given[slot] = number;
    wait(AT_EXCHANGE, line);
    return slot;
}

template <class T> T shuffle_xor(unsigned lanes, T own, unsigned apart, int line) {
    static_assert(sizeof(T) <= sizeof(uint64_t));
    if (lanes != 0xffffffffu) {
        fail("line %d: an exchange of some lanes only", line);
    }
    uint64_t bits = 0;
    memcpy(&bits, &own, sizeof(T));
    unsigned slot = exchange(bits, line);
    memcpy(&own, &threads[current ^ apart].given[slot], sizeof(T));
    return own;
}

inline unsigned ballot(unsigned lanes, bool own, int line) {
    if (lanes != 0xffffffffu) {
        fail("line %d: a ballot of some lanes only", line);
    }
    unsigned slot = exchange(own, line);
    unsigned first = current / WARP_LANES * WARP_LANES, votes = 0;
    for (unsigned lane = 0; lane < WARP_LANES; lane++) {
        votes |= (unsigned)threads[first + lane].given[slot] << lane;
    }
    return votes;
}

// Two words of every lane of a warp.
struct OfWarp {
    uint64_t words[WARP_LANES];

    OfWarp(int first, int second, int line) {
        unsigned slot = exchange((uint64_t)(uint32_t)second << 32 | (uint32_t)first, line);
        const Thread *warp = threads + current / WARP_LANES * WARP_LANES;
        for (unsigned lane = 0; lane < WARP_LANES; lane++) {
            words[lane] = warp[lane].given[slot];
        }
    }

    int word(unsigned lane, unsigned number) const { return (int)(uint32_t)(words[lane] >> 32 * number); }
};

// Four signed bytes with four others.
inline int bytes_product(int a, int b, int sum) {
    for (unsigned byte = 0; byte < 4; byte++) {
        sum += (int)(int8_t)((unsigned)a >> 8 * byte) * (int)(int8_t)((unsigned)b >> 8 * byte);
    }
    return sum;
}

// The lanes' parts of a product of tensor cores: see `multiply` in cuda.cuh.
inline void multiply(int *sums, int upper, int lower, int upper_16, int lower_16, int right, int right_16, int line) {
    OfWarp first(upper, lower, line), second(upper_16, lower_16, line), of_right(right, right_16, line);
    unsigned lane = current % WARP_LANES;
    for (unsigned number = 0; number < 4; number++) {
        unsigned row = lane / 4, column = 2 * (lane % 4) + number % 2;
        for (unsigned part = 0; part < 4; part++) {
            unsigned left = 4 * row + part, right_lane = 4 * column + part;
            sums[number] = bytes_product(first.word(left, number / 2), of_right.word(right_lane, 0), sums[number]);
            sums[number] = bytes_product(second.word(left, number / 2), of_right.word(right_lane, 1), sums[number]);
        }
    }
}

inline void run_fiber() {
    for (;;) {
        body();
        wait(DONE, 0);
    }
}

inline void resume(unsigned number) {
    current = number;
    threadIdx = {number - block_first, 0, 0};
    Thread &thread = threads[number];
    thread.state = READY;
    if (_setjmp(scheduler) != 0) {
        return;
    }
    if (thread.begun) {
        _longjmp(thread.at, 1);
    }
    // Its stack is made once and serves all blocks.
    thread.begun = true;
    static ucontext_t made, here;
    getcontext(&made);
    made.uc_stack.ss_sp = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    made.uc_stack.ss_size = STACK_BYTES;
    made.uc_link = nullptr;
    makecontext(&made, run_fiber, 0);
    swapcontext(&here, &made);
}

// If all of a range wait for the same; `fail`s where they wait for one kind of thing at different places.
inline bool all_at(State state, unsigned first, unsigned end) {
    unsigned waiting = 0;
    for (unsigned number = first; number < end; number++) {
        waiting += threads[number].state == state;
    }
    if (waiting != end - first) {
        return false;
    }
    for (unsigned number = first; number < end; number++) {
        if (threads[number].line != threads[first].line) {
            fail("thread %u waits at line %d and thread %u at line %d", first, threads[first].line, number,
                 threads[number].line);
        }
    }
    return true;
}

inline const char *name_of(State state) {
    return state == AT_BARRIER    ? "at the barrier of"
           : state == AT_EXCHANGE ? "at the exchange of"
           : state == AT_MEETING  ? "at a meeting of blocks, not at"
                                  : "done, not at";
}

// Lets the threads of a warp run until none can without those of other warps.
inline void run_warp(unsigned first, bool descending) {
    unsigned block_end = block_first + thread_count;
    unsigned end = first + WARP_LANES < block_end ? first + WARP_LANES : block_end;
    do {
        for (unsigned turn = 0; turn < end - first; turn++) {
            resume(descending ? end - 1 - turn : first + turn);
        }
    } while (end - first == WARP_LANES && all_at(AT_EXCHANGE, first, end));
}

// Lets a block run until it is done or waits for the others; which of both.
inline State run_block(bool descending) {
    unsigned warps = (thread_count + WARP_LANES - 1) / WARP_LANES;
    do {
        // Warp by warp, each as far as it gets: what one does without waiting for the others shows most.
        for (unsigned turn = 0; turn < warps; turn++) {
            run_warp(block_first + (descending ? warps - 1 - turn : turn) * WARP_LANES, descending);
        }
        for (unsigned number = 1; number < thread_count; number++) {
            const Thread &one = threads[block_first], &other = threads[block_first + number];
            if (other.state != one.state) {
                fail("block %u, %u: thread 0 is %s line %d and thread %u is %s line %d", blockIdx.x, blockIdx.y,
                     name_of(one.state), one.line, number, name_of(other.state), other.line);
            }
        }
    } while (all_at(AT_BARRIER, block_first, block_first + thread_count));
    State state = threads[block_first].state;
    if (state == AT_EXCHANGE) {
        fail("block %u, %u: an exchange of fewer threads than a warp has", blockIdx.x, blockIdx.y);
    }
    return state;
}

// Shared memory of one block. There is no such section in a text without any.
struct Shared {
    std::vector<unsigned char> bytes;

    Shared() : bytes(__start_block_shared == nullptr ? 0 : __stop_block_shared - __start_block_shared, 0xa5) {}

    void swap() { std::swap_ranges(bytes.begin(), bytes.end(), __start_block_shared); }
};

// Plays an entry; blocks that may wait for each other are `resident`.
inline void play(void (*entry)(), unsigned block_threads, unsigned x, unsigned y, bool descending, bool resident) {
    body = entry;
    thread_count = block_threads;
    gridDim = {x, y, 1};
    unsigned blocks = x * y, warps = (block_threads + WARP_LANES - 1) / WARP_LANES;
    if (block_threads > THREADS_MAX || (resident && blocks > THREADS_MAX / (warps * WARP_LANES))) {
        fail("%u blocks of %u threads are more than can be under way", blocks, block_threads);
    }
    std::vector<Shared> shared(resident ? blocks : 1);
    unsigned done = 0;
    while (done < blocks) {
        done = 0;
        for (unsigned turn = 0; turn < blocks; turn++) {
            unsigned block = descending ? blocks - 1 - turn : turn;
            blockIdx = {block % x, block / x, 0};
            block_first = resident ? block * warps * WARP_LANES : 0;
            Shared own = resident ? std::move(shared[block]) : Shared();
            own.swap();
            State state = run_block(descending);
            own.swap();
            if (resident) {
                shared[block] = std::move(own);
            } else if (state == AT_MEETING) {
                fail("block %u, %u waits for others, which may not be under way", blockIdx.x, blockIdx.y);
            }
            done += state == DONE;
        }
        if (done != 0 && done != blocks) {
            fail("%u of %u blocks are done, and the others wait for them", done, blocks);
        }
    }
}

inline void read_all(void *to, size_t bytes) {
    if (fread(to, 1, bytes, stdin) != bytes) {
        fail("the input is too short");
    }
}

inline uint64_t read_word() {
    uint64_t word;
    read_all(&word, sizeof word);
    return word;
}

// Memory that ends at a page nobody may touch.
inline unsigned char *guarded(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    void *made = mmap(nullptr, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED || mprotect((char *)made + page, whole, PROT_READ | PROT_WRITE) != 0) {
        fail("no memory for %zu bytes", bytes);
    }
    return (unsigned char *)made + page + whole - bytes;
}

struct Entry {
    const char *name;
    void (*run)();
};

inline std::vector<Entry> &entries() {
    static std::vector<Entry> all;
    return all;
}

struct Register {
    Register(const char *name, void (*run)()) { entries().push_back({name, run}); }
};

}  // namespace host

// As in cuda.cuh, where blocks wait for each other.
struct Meeting {
    Meeting(unsigned *word) {
        if (*word != 0) {
            host::fail("a meeting that does not begin with 0");
        }
    }

    void wait() { host::wait(host::AT_MEETING, 0); }
};

#define __syncthreads() host::barrier(__LINE__)
#define __shfl_xor_sync(lanes, own, apart) host::shuffle_xor(lanes, own, apart, __LINE__)
#define __ballot_sync(lanes, own) host::ballot(lanes, own, __LINE__)
#define __syncwarp() host::exchange(0, __LINE__)
#define multiply(...) host::multiply(__VA_ARGS__, __LINE__)

// Of the entry that plays; what it holds is said after this header, and the variable stands in cuda_main.h.
struct Arguments;
extern Arguments host_arguments;

#define KERNEL(name)                                                                       \
    static void kernel_##name(const Arguments &arguments);                                 \
    static host::Register register_##name(#name, [] { kernel_##name(host_arguments); });   \
    static void kernel_##name([[maybe_unused]] const Arguments &arguments)

template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }
template <class T> T __ldg(const T *at) { return *at; }

// Threads run one at a time, so what is atomic needs no more than this.
template <class T> T atomicAdd(T *at, T number) { T old = *at; *at = old + number; return old; }
inline int atomicAdd(int *at, int number) { int old = *at; *at = (int)((unsigned)old + (unsigned)number); return old; }
template <class T> T atomicMin(T *at, T number) { T old = *at; *at = min(old, number); return old; }
template <class T> T atomicMax(T *at, T number) { T old = *at; *at = max(old, number); return old; }
template <class T> T atomicOr(T *at, T number) { T old = *at; *at = old | number; return old; }
template <class T> T atomicCAS(T *at, T from, T to) { T old = *at; if (old == from) { *at = to; } return old; }

template <class To, class From> To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline float __uint_as_float(unsigned bits) { return bits_as<float>(bits); }
inline unsigned __float_as_uint(float value) { return bits_as<unsigned>(value); }
inline double __longlong_as_double(long long bits) { return bits_as<double>(bits); }
inline long long __double_as_longlong(double value) { return bits_as<long long>(value); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz((unsigned)bits); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __popcll(unsigned long long bits) { return __builtin_popcountll(bits); }
inline int __ffsll(long long bits) { return __builtin_ffsll(bits); }
