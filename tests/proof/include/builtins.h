/* builtins.h - what the proofs are told of the compiler. */

/*@ requires \false;
    assigns \nothing; */
void __builtin_trap(void);

/*@ requires x != 0;
    assigns \result \from x;
    ensures 0 <= \result < 64; */
int __builtin_ctzl(unsigned long x);

#define __ORDER_LITTLE_ENDIAN__ 1234
#define __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__
/*@ assigns \result \from x; */
unsigned int __builtin_bswap32(unsigned int x);
