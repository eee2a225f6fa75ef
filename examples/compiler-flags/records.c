/* The program whose compiler flags are tuned: it smooths a record of readings, of which some are
   missing (NaN), and multiplies two small matrices. It prints a checksum, and the milliseconds of
   processor time that the work took. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { READINGS = 60000, WINDOW = 9, SIDE = 96, ROUNDS = 40 };

static double readings[READINGS], smooth[READINGS];
static float left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static unsigned next(unsigned *state) { return *state = *state * 1664525u + 1013904223u; }

static void fill(void) {
  unsigned state = 1;
  for (int i = 0; i < READINGS; i++)
    readings[i] = next(&state) % 50 ? (next(&state) >> 16) / 1000.0 : NAN;
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++)
      left[i][j] = (next(&state) >> 24) / 256.0f, right[i][j] = (next(&state) >> 24) / 256.0f;
}

/* The mean of the readings around each, without those that are missing. */
static void smoothed(void) {
  for (int i = 0; i + WINDOW <= READINGS; i++) {
    double sum = 0;
    int known = 0;
    for (int j = i; j < i + WINDOW; j++)
      if (!isnan(readings[j])) sum += readings[j], known++;
    smooth[i] = known ? sum / known : 0;
  }
}

static void multiplied(void) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      float sum = 0;
      for (int k = 0; k < SIDE; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
}

static double spent_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int main(void) {
  double sum = 0, before;
  fill();
  before = spent_ms();
  for (int round = 0; round < ROUNDS; round++) {
    smoothed();
    multiplied();
    readings[round] += product[round][round];
  }
  for (int i = 0; i < READINGS; i++) sum += smooth[i];
  for (int i = 0; i < SIDE; i++) sum += product[i][SIDE - 1 - i];
  printf("%.9g %.4f\n", sum, spent_ms() - before);
  return 0;
}
