/* builtins.h - what the proofs are told of the compiler. */

/*@ requires \false;
    assigns \nothing; */
void __builtin_trap(void);

/*@ requires x != 0;
    assigns \result \from x;
    ensures 0 <= \result < 64; */
int __builtin_ctzl(unsigned long x);
