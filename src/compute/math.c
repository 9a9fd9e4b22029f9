/* math: the kernels' functions for scalar code that must agree with them. */
#include "compute/ref/vec_scalar.h"
#include "compute/math.h"

float ev_expf(float x) { return m_exp(x); }
float ev_tanhf(float x) { return m_tanh(x); }
float ev_sigmoidf(float x) { return m_sigmoid(x); }
float ev_sin_turns(float x) { return m_sin_turns(x); }
