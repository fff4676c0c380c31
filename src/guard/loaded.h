/*
 * loaded.h - the program's own memory, as third_party/target.ld lays it out and
 * the kernel has loaded it: what a loader would see to, if there were one.
 */
#ifndef GUARD_LOADED_H
#define GUARD_LOADED_H

/* Adds the address that the program was loaded at to the words that depend on
 * it, as ld packs them (DT_RELR). The start of musl before 1.2.4, which needs
 * none of them, leaves them alone; where it does not, or ld does not pack,
 * there is nothing to do. To be called before any of them is used, so first of
 * all. */
void loaded_relocate(void);

/* What was written only while the program relocated itself, pointers to
 * functions above all, becomes read-only: musl does that for a program that has
 * a loader, but not for one that is its own. 0 or -errno. */
int loaded_seal(void);

/* The start is over, and most of what it ran and read is of no use any more:
 * takes all code and constants out of the process's memory. What is used again
 * comes back from the file, or its cache, which is the kernel's to keep or not
 * then (madvise(2), MADV_DONTNEED). A debugger's breakpoints are not in the
 * file: they have to be set once more. */
void loaded_forget(void);

#endif
