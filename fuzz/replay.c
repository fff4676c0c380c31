/*
 * replay.c - runs a fuzz target over files and folders, without a fuzzer: what
 * was found once stays found. Prints how many inputs it ran.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	static uint8_t bytes[1 << 20];
	if (f == NULL)
		return;
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	/* a copy of the exact size, so that a sanitizer sees its end */
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	inputs++;
}

static void run_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	if (d == NULL) {
		run_file(path);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		run_file(name);
	}
	closedir(d);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_folder(argv[i]);
	printf("%lu inputs\n", inputs);
	return inputs ? 0 : 1;
}
