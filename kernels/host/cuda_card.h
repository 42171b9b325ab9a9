// What stands after a text in a library that card.cpp loads: see there. The first header is cuda_host.h.
#pragma once

Arguments host_arguments;

// Plays an entry with the arguments of a launch; false if there is no such entry.
extern "C" __attribute__((visibility("default"))) bool play_entry(const char *name, const void *arguments, unsigned x,
                                                                  unsigned y, unsigned threads, bool resident, bool play) {
    for (const host::Entry &entry : host::entries()) {
        if (strcmp(entry.name, name) == 0) {
            if (play) {
                memcpy((void *)&host_arguments, arguments, sizeof host_arguments);
                host::play(entry.run, threads, x, y, true, resident);
            }
            return true;
        }
    }
    return false;
}
