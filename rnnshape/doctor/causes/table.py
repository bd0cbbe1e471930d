"""Every cause by its id: why it fails, or goes wrong in silence, and what mends it. Whoever asks
(`check`, `explain`, a program that was followed) tells it in these words, after its own numbers."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """Why, as a fact about torch's recurrent layers, and the mend in words."""

    why: str
    fix: str


CAUSES: dict[str, Cause] = {
    "batch-first-confusion": Cause(
        "A layer reads its input as (T, N, features), with batch_first=True as (N, T, features); "
        "the state is (D·L, N, H) either way. Here samples stand where it reads steps.",
        "Build the layer for the order that the input has, or swap the first two axes.",
    ),
    "last-batch-smaller": Cause(
        "The state was made for a batch of another size than this call's: as for a last, smaller "
        "batch of an epoch.",
        "Give each call a state of its own batch size, or leave it out: it is then zeros.",
    ),
    "missing-direction": Cause(
        "A bidirectional layer has a row of state for each direction of each layer, and puts out "
        "2·hidden_size features.",
        "Count both directions: num_layers * 2 rows of state, 2 * hidden_size features behind.",
    ),
    "wrong-num-layers": Cause(
        "A state has one row for each layer and direction of the layer that it is given to.",
        "Make the state with num_layers * directions rows.",
    ),
    "lstm-needs-pair": Cause(
        "An LSTM takes its state as a pair (h0, c0); it was given one tensor.", "Give it (h0, c0)."
    ),
    "tuple-passed-on": Cause(
        "A recurrent layer returns a pair, output and state, and the state of an LSTM is a pair "
        "too; what follows wants one tensor.",
        "Take apart what the layer returns: output, hn = rnn(x), output, (hn, cn) = lstm(x).",
    ),
    "packed-passed-on": Cause(
        "A layer that is given a PackedSequence puts one out; what follows wants a tensor.",
        "Unpack it first: output, lengths = pad_packed_sequence(packed, batch_first=…).",
    ),
    "unpacking": Cause(
        "A recurrent layer returns two things, its output and its state.",
        "output, hn = rnn(x); of an LSTM output, (hn, cn) = lstm(x).",
    ),
    "scores-for-probabilities": Cause(
        "BCELoss reads probabilities, NLLLoss their logarithms; a Linear puts out scores of any size.",
        "Use BCEWithLogitsLoss for BCELoss, CrossEntropyLoss for NLLLoss: they take scores.",
    ),
    "probabilities-for-scores": Cause(
        "Cross-entropy and BCEWithLogitsLoss read scores of any size.",
        "Give the loss the scores, and take softmax or sigmoid where probabilities are read.",
    ),
    "super-not-called": Cause(
        "nn.Module keeps its layers from super().__init__() on; here a layer is assigned before it.",
        "Begin __init__ with super().__init__().",
    ),
    "not-a-tensor": Cause("The layer wants a tensor.", "Make a tensor of it: torch.tensor(…)."),
    "feature-size": Cause(
        "A module was built for another number of features than it is given.",
        "Build it for the last size of what it is given.",
    ),
    "feature-axis": Cause(
        "The features are read from the last axis, a convolution's and a BatchNorm1d's channels "
        "from axis 1; here they stand elsewhere.",
        "Move the axis: transpose, or unsqueeze(-1) for a single feature.",
    ),
    "input-rank": Cause(
        "A layer takes (T, N, features) or, of one sequence, (T, features); the input has another "
        "number of axes.",
        "Take the axis away that is one too many, or add the one that is missing.",
    ),
    "one-hot-embedded": Cause(
        "An embedding takes the numbers of words and makes a vector of each; of one-hot rows it "
        "makes a vector of every 0 and 1.",
        "Give it the numbers.",
    ),
    "unbatched-rank": Cause(
        "An input of two axes is one sequence without a batch, and its state has two axes; a batch "
        "has three, and so has its state.",
        "Give input and state a batch axis both, or neither.",
    ),
    "cell-takes-one-step": Cause(
        "A cell module computes one step: it takes (N, features), not a sequence.",
        "Loop over the steps, or use the layer (nn.LSTM, nn.GRU, nn.RNN).",
    ),
    "batch-row-indexed": Cause(
        "An index took one sample out of the batch (or one row away) before the next step.",
        "Give the whole batch on.",
    ),
    "encoder-decoder-bridge": Cause(
        "An encoder's state does not fit a decoder with other directions, layers or width.",
        "Join the two directions of each layer: add them, or concatenate them and bring them down "
        "with a Linear.",
    ),
    "outputs-as-state": Cause(
        "A layer's outputs, one for every step, were given as a state.",
        "Pass hn, the second result of the layer.",
    ),
    "proj-size": Cause(
        "With proj_size, which only an LSTM has and which is smaller than hidden_size, h and the "
        "output are proj_size wide, and c is hidden_size wide.",
        "Use each width in its place; without a projection leave proj_size out.",
    ),
    "hidden-size": Cause(
        "The state is not as wide as the layer's hidden_size.", "Make the state hidden_size wide."
    ),
    "state-shape": Cause(
        "The state belongs to another network or another batch.",
        "Make it (num_layers * directions, N, hidden_size), or leave it out: it is then zeros.",
    ),
    "dtype": Cause(
        "torch computes with one dtype on both sides; indices and classes are integers.",
        "Convert the tensor: .float(), .long().",
    ),
    "device": Cause(
        "Input, state and weights have to be on one device.",
        "Move them: x.to(device), and every tensor that the program makes itself.",
    ),
    "empty-sequence": Cause("A sequence has at least one step.", "Leave out what holds no step."),
    "lengths": Cause(
        "pack_padded_sequence wants one length a sequence: whole numbers from 1 to T on the CPU, "
        "longest first unless enforce_sorted=False.",
        "Mend the lengths, or batch_first, so that they go with the batch.",
    ),
    "ragged-batch": Cause(
        "Sequences of several lengths make no one tensor.",
        "Pad them to the longest: torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True); "
        "of a DataLoader in its collate_fn.",
    ),
    "padded-shorter": Cause(
        "pad_packed_sequence pads to the longest sequence of this batch, which may be shorter than "
        "what the batch was padded to before.",
        "pad_packed_sequence(…, total_length=T), or cut the targets to the same length.",
    ),
    "checkpoint-mismatch": Cause(
        "The checkpoint holds another network, or other names, than the model that it is loaded "
        "into.",
        "Build the network that the file holds, or rename its keys.",
    ),
    "missing-keys": Cause("The checkpoint's names are not the model's.", "Rename the keys."),
    "constructor": Cause(
        "torch refuses this argument.", "Give it as torch's documentation has it."
    ),
    "loss-classes": Cause(
        "A cross-entropy reads (N, classes, …): the classes on axis 1. A layer's output has them "
        "last. CTC wants (T, N, classes).",
        "scores.transpose(1, 2), or flatten steps and batch of both: scores.reshape(-1, C).",
    ),
    "loss-broadcast": Cause(
        "Of different shapes prediction and target are broadcast: each prediction meets every "
        "target, and what is minimised is another thing.",
        "Give both one shape: prediction.squeeze(-1).",
    ),
    "all-steps-for-one-target": Cause(
        "The outputs of all steps meet one target for each sequence.",
        "Take the last step (or hn[-1]) before the loss, or give a target for every step.",
    ),
    "state-keeps-graph": Cause(
        "A state that was carried over is a result of the call before: backward goes into a graph "
        "that is gone.",
        "Detach the state between calls: h = h.detach(), tuple(s.detach() for s in state).",
    ),
    "gradients-kept": Cause(
        "backward() adds to the gradients that are there, and an optimizer's step leaves them: "
        "each step goes along the sum of all batches before it.",
        "Clear them before each backward: optimizer.zero_grad().",
    ),
    "graph-kept": Cause(
        "A state that is carried on without detach keeps the graph of every batch before: memory "
        "and time grow, and the next backward fails.",
        "Detach the state between calls: h = h.detach(), tuple(s.detach() for s in state).",
    ),
    "state-of-others": Cause(
        "A state goes with the rows of its batch: sample i of the next call goes on from the state "
        "of sample i. A loader with shuffle=True puts other samples there.",
        "Begin each batch with a state of its own; carry it on only where the batches follow each "
        "other in time.",
    ),
    "state-detached": Cause(
        "A state that was detached is a number to backward: what came before it learns nothing.",
        "Detach between one backward and the next, not between the steps of a sequence.",
    ),
    "future-read": Cause(
        "The reverse direction reads from the end: at each step its output knows all that come "
        "later. What is to be told from the steps before can be read off, and nothing is learned.",
        "Build the layer with one direction, or train each direction on its own.",
    ),
    "padding-in-loss": Cause(
        "A loss goes over all steps but those whose target is its ignore_index, which is -100.",
        "pad_sequence(targets, padding_value=-100), or ignore_index= of a class that stands for "
        "padding alone.",
    ),
    "still-training": Cause(
        "A module trains until eval() is called: dropout draws anew each time, and batch norm goes "
        "by the batch at hand and learns from it.",
        "model.eval() before it is measured or used, model.train() before it learns on; "
        "F.dropout(x, training=self.training).",
    ),
    "no-gradient": Cause(
        "Nothing that the loss was computed from leads back to a parameter: it was computed under "
        "no_grad, or went through .detach(), .data, argmax, a cast to int or NumPy.",
        "Compute the loss from what the model gave, as it gave it, outside torch.no_grad().",
    ),
    "argument-missing": Cause(
        "forward asks for more than the call gives.",
        "Give it, or give it a default: def forward(self, x, hidden=None); a layer of torch takes "
        "None for a state of zeros.",
    ),
    "changed-in-place": Cause(
        "A tensor that backward needs was changed in place after it was used.",
        "Give the result a tensor of its own: x = x + y in place of x += y.",
    ),
    "not-contiguous": Cause(
        "view() and cuDNN want the numbers in one piece; after transpose, permute or expand they "
        "are not.",
        "Use reshape() or .contiguous(); neither of them swaps axes.",
    ),
    "view-size": Cause(
        "A view holds as many numbers as there are.",
        "Give the sizes that the tensor has, or -1 for the one to be worked out.",
    ),
    "attention-axes": Cause(
        "Axes that meet have to be equal. A state is (layers·directions, N, H) and has no steps; "
        "the outputs have one vector a step.",
        "Take hidden[-1], (N, H), and bring it into the outputs' order of axes.",
    ),
    "cat-axis": Cause(
        "torch.cat joins along one axis; all others have to be equal.",
        "Join along the axis that differs.",
    ),
    "wrong-rank": Cause(
        "This function takes another number of axes than the tensor has.",
        "Take the axis away that is one too many (squeeze, an index, flatten), or add the one that "
        "is missing (unsqueeze).",
    ),
    "tensor-for-list": Cause(
        "torch.cat and torch.stack join the tensors of a list; one tensor is no list.",
        "Leave the join out; squeeze(dim) takes an axis of 1 away.",
    ),
    "tensor-iterated": Cause(
        "A loop over a tensor gives its rows, at the end single numbers, and over those nothing "
        "goes. Since torch 0.4 a Variable is a Tensor: type(h) == Variable is never true.",
        "Ask isinstance(h, torch.Tensor) before going over its parts.",
    ),
    "truth-of-tensor": Cause(
        "A tensor of several numbers is neither true nor false.", "Ask whether it is None."
    ),
    "not-a-leaf": Cause(
        "An optimizer changes leaves, tensors that were not computed; repeat(), to(device) or an "
        "operator makes another tensor.",
        "Keep the nn.Parameter, and compute from it where it is used.",
    ),
    "axis-out-of-range": Cause(
        "The tensor has no such axis.", "Name an axis that it has; the last is -1."
    ),
    "embedding-index": Cause(
        "A number is not below the embedding's num_embeddings.",
        "Give the embedding a row for every number that occurs, padding included.",
    ),
    "parameter-assigned": Cause(
        "A module's parameter is replaced only by a Parameter or None, not by a plain tensor.",
        "Take the parameter out first: del module._parameters[name].",
    ),
    "axes-mixed": Cause(
        "view and reshape join neighbouring axes as they lie in memory; axes that are no "
        "neighbours are mixed, and a row of the result holds parts of several samples.",
        "Bring the axes side by side first: transpose, then reshape.",
    ),
    "last-step": Cause(
        "At the last step the reverse direction has read one step only.",
        "torch.cat([hn[-2], hn[-1]], dim=1): both directions, the whole sequence.",
    ),
    "padded-step": Cause(
        "The last step of a padded batch is padding for all but the longest sequences.",
        "Take hn of the packed layer, or each sequence's own last step by its length.",
    ),
    "state-rows": Cause(
        "The rows of hn are layer 0 forward, layer 0 reverse, layer 1 forward, …",
        "hn[-1] is the last layer; of two directions hn[-2] forward, hn[-1] reverse.",
    ),
    "state-batch": Cause(
        "A state kept from one batch meets a batch of another size.",
        "Give each call a state of its own batch size; DataLoader(…, drop_last=True).",
    ),
    "last-axis": Cause(
        "A softmax or a reduction goes over the samples or the steps, not over the classes.",
        "Go over the last axis: dim=-1.",
    ),
    "dropout-one-layer": Cause(
        "dropout acts between layers: with num_layers=1 there is nothing that it acts on.",
        "Leave it out, use nn.Dropout behind the layer, or give the layer num_layers=2.",
    ),
    "parameters-hidden": Cause(
        "A module knows the modules that are its attributes, and those in a ModuleList or a "
        "ModuleDict; parameters(), to() and state_dict() pass over those in a list.",
        "Hold them in an nn.ModuleList.",
    ),
    "packed-order": Cause(
        "What was sorted by length, or padded in another order of axes, meets what was not.",
        "Bring both into one order, or pack with enforce_sorted=False, which restores it.",
    ),
    "data-parallel": Cause(
        "DataParallel splits every tensor along its first axis: the input's batch, and also the "
        "layers of a state; a list of lengths it does not split.",
        "Make the state inside forward, from the batch that arrives there; pass lengths as a "
        "tensor; or use DistributedDataParallel.",
    ),
    "cudnn-eval": Cause(
        "cuDNN keeps what backward needs only in training mode.",
        "model.train() before the forward whose gradient is wanted, or torch.backends.cudnn.flags("
        "enabled=False) around it.",
    ),
    "cudnn-second-derivative": Cause(
        "cuDNN's recurrent layers have no second derivative, which a gradient penalty (create_graph="
        "True) wants.",
        "with torch.backends.cudnn.flags(enabled=False): around the forward whose gradient is taken "
        "twice.",
    ),
    "module-wrapped": Cause(
        "DataParallel is a module around the model, whose own attributes are in .module.",
        "model.module",
    ),
    "collate": Cause(
        "DataLoader's own collate_fn stacks tensors, arrays, numbers and what holds them, no "
        "PackedSequence, None or other object.",
        "Give items of tensors, and pack or pad in a collate_fn: DataLoader(…, collate_fn=…).",
    ),
    "graph-copied": Cause(
        "copy.deepcopy takes no tensor that was computed: a module that keeps a state from call to "
        "call, self.hidden, holds one.",
        "Keep it detached, self.hidden = hidden.detach(), or set it to None before the copy.",
    ),
    "loss-not-scalar": Cause(
        "backward() begins at one number; a loss of several comes of reduction='none', or of "
        "DataParallel, which gives one for each replica.",
        "loss.mean().backward()",
    ),
    "onnx-operator": Cause(
        "The exporter of this torch has no ONNX form of an operator that the model runs.",
        "A newer torch and opset_version; nn.LSTM in place of its cells, on the CPU, not quantised, "
        "without proj_size.",
    ),
    "tensorflow-numpy": Cause(
        "Recurrent layers of older TensorFlow make their zeros in a way that NumPy 1.20 and "
        "later refuse.",
        "A newer TensorFlow, or numpy below 1.20.",
    ),
    "cudnn": Cause(
        "cuDNN gave up: too little memory, a state or weights that do not lie in one piece, or an "
        "earlier error of the device.",
        "Run it on the CPU, where the message says what is wrong; then a smaller batch, "
        ".contiguous() and lengths above 0.",
    ),
    "device-assert": Cause(
        "A check on the device failed, mostly an index: of an embedding or of a class.",
        "Run it on the CPU, or with CUDA_LAUNCH_BLOCKING=1, where the message says which.",
    ),
    "weights-apart": Cause(
        "After a copy, a load or DataParallel the weights do not lie in one piece of memory. "
        "Results are right; each call copies them.",
        "self.rnn.flatten_parameters() at the beginning of forward.",
    ),
    "onnx-fixed-batch": Cause(
        "The graph was exported for one batch size and one length: a state made in forward from "
        "numbers is a constant of the graph.",
        "Export with dynamic_axes (dynamic_shapes), and let the layer make its own zeros.",
    ),
    "old-pickle": Cause(
        "The module was pickled whole by an older torch, whose attributes are not those of this "
        "one.",
        "Save and load the state_dict; rnnshape convert FILE NEW.safetensors reads the weights of "
        "the old file.",
    ),
    "result-shape": Cause(
        "output holds every step of the last layer; hn (and cn) the last state of every layer and "
        "direction, as rows.",
        "Take the piece of it that is wanted: rnnshape pick prints the code.",
    ),
    "other-sizes": Cause(
        "The input has other sizes than are said of it.", "Say those that it has, or change it."
    ),
    "keras-rank": Cause(
        "A recurrent layer of Keras reads (batch, steps, features); a recurrent layer before it "
        "gives its last step alone unless it has return_sequences=True.",
        "Give the layer before it return_sequences=True, or an input with an axis of steps: "
        "x[:, None, :] for sequences of one step.",
    ),
    "keras-shape": Cause(
        "A model of Keras is built for one number of steps and features.",
        "Build it with the shape that the data have, layers.Input((steps, features)), None for "
        "steps that vary, or bring the data to that shape.",
    ),
    "state-batch-open": Cause(
        "A stateful layer of Keras keeps one state for each sample of a batch, so it has to know "
        "how many when it is built.",
        "Say it in the input: layers.Input(batch_shape=(batch size, steps, features)).",
    ),
    "flax-parameter-shape": Cause(
        "A cell of Flax is initialised for the features and the carry that init saw.",
        "Call it with inputs and a carry of the shapes that init saw, or init it anew.",
    ),
    "scan-carry": Cause(
        "lax.scan passes what one step returns to the next, so it must be of one kind.",
        "Return (carry, output) with a carry built as the one that came in: same structure (an "
        "LSTM's is a pair), same shape, same dtype.",
    ),
    "onnx-shape": Cause(
        "A recurrent operator of ONNX has fixed axes, also with batch_first: a state is "
        "(directions, batch, hidden_size), W (directions, gates·hidden_size, features).",
        "Feed each input as the operator reads it.",
    ),
    "onnx-fixed-size": Cause(
        "The ONNX file was exported with fixed sizes.",
        "Feed those sizes, or export anew with open ones (dynamic_axes).",
    ),
}


def sentences(cause: str, why: str) -> str:
    """What the numbers at hand say, then why that goes wrong."""
    general = CAUSES[cause].why if cause in CAUSES else ""
    return f"{why.rstrip('.')}. {general}".strip() if why else general
