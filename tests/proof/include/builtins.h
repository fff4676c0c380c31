/* builtins.h - what the proofs are told of the compiler. */

/*@ requires \false;
    assigns \nothing; */
void __builtin_trap(void);
