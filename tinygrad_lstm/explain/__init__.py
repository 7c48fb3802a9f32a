"""Reports about one graph: what went wrong, why a gradient is what it is, what it costs, and backward written out."""

from tinygrad_lstm.explain.anomaly import detect_anomaly as detect_anomaly
from tinygrad_lstm.explain.memory import KeptArray as KeptArray
from tinygrad_lstm.explain.memory import Memory as Memory
from tinygrad_lstm.explain.memory import memory as memory
from tinygrad_lstm.explain.program import Program as Program
from tinygrad_lstm.explain.program import program as program
from tinygrad_lstm.explain.trace import Trace as Trace
from tinygrad_lstm.explain.trace import trace as trace
from tinygrad_lstm.explain.why import Explanation as Explanation
from tinygrad_lstm.explain.why import explain_grad as explain_grad
