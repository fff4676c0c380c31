/* Never linked: tests/targets shows that check-float finds something here. */
double product(double a, int b);

double product(double a, int b)
{
	return a * b;
}
