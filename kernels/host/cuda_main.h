// The program around a text, after it: see cuda_host.h. Input, in words of 64 bits but for bytes: number of entries with the length and
// letters of each, x and y of the grid, 1 for descending order, 1 for blocks that may wait for each other, number of buffers, bytes of
// scratch, 1 if scratch begins as zeros and not as rubbish, bytes of each buffer, then the contents of the buffers in order and the
// parameters. Scratch, if there is any, is the last of the buffers that `Arguments` has.
#pragma once

Arguments host_arguments;

int main() {
    using namespace host;
    uint64_t entry_count = read_word();
    std::vector<void (*)()> order;
    for (uint64_t number = 0; number < entry_count; number++) {
        char name[64] = {};
        uint64_t len = read_word();
        read_all(name, len < sizeof name ? len : 0);
        for (const Entry &entry : entries()) {
            if (strcmp(entry.name, name) == 0) {
                order.push_back(entry.run);
            }
        }
        if (order.size() != number + 1) {
            fail("there is no entry %s", name);
        }
    }
    uint64_t x = read_word(), y = read_word(), descending = read_word(), resident = read_word();
    uint64_t count = read_word(), scratch_bytes = read_word(), zeroed = read_word();
    std::vector<uint64_t> sizes(count);
    std::vector<unsigned char *> buffers(count);
    for (uint64_t &size : sizes) {
        size = read_word();
    }
    unsigned char *arguments = (unsigned char *)&host_arguments;
    for (uint64_t slot = 0; slot < count; slot++) {
        buffers[slot] = guarded(sizes[slot]);
        read_all(buffers[slot], sizes[slot]);
        memcpy(arguments + slot * sizeof(void *), &buffers[slot], sizeof(void *));
    }
    if (scratch_bytes > 0) {
        unsigned char *scratch = guarded(scratch_bytes);
        memset(scratch, zeroed == 1 ? 0 : 0xa5, scratch_bytes);
        memcpy(arguments + count * sizeof(void *), &scratch, sizeof scratch);
    }
    read_all(&host_arguments.params, sizeof host_arguments.params);
    for (void (*entry)() : order) {
        play(entry, WORKGROUP_SIZE, (unsigned)x, (unsigned)y, descending == 1, resident == 1);
    }
    for (uint64_t slot = 0; slot < count; slot++) {
        fwrite(buffers[slot], 1, sizes[slot], stdout);
    }
    return 0;
}
