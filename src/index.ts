// Cleave's public API. It does not access files and runs in a browser; `cleave/node` reads and writes files.
//
//     const { value: artifact, diagnostics } = compile(text);
//     const net = await load(artifact);
//     const { y } = await net.run({ image });
//
// Each heading `# title (stability)` begins a section of docs/api-reference.md, which is made of what stands here.

// # Compiling (stable)

export { compile } from "#compile/compile.js";
export type { CompileOptions } from "#compile/compile.js";
export { load } from "#compile/load.js";
export type { LoadOptions, Net, RunOptions } from "#runtime/types.js";
export type { AutoLoadOptions, ChosenTarget } from "#runtime/auto.js";
export type { Artifact, WeightSink } from "#backend/artifact.js";
export { version } from "#compile/version.js";

// # Messages (stable)

export { hasErrors, InternalError } from "#diagnostic/diagnostic.js";
export type { Diagnostic, Fix, Label, Result, Span } from "#diagnostic/diagnostic.js";
export type { DiagnosticCode } from "#diagnostic/codes.js";
export { render } from "#diagnostic/render.js";
export type { RenderOptions } from "#diagnostic/render.js";

// # The stages (stable)

export { parse } from "#grammar/reading/parse.js";
export { print } from "#grammar/printing/print.js";
export { elaborate } from "#elaborate/elaborate.js";
export type { ElaborateOptions, Elaborated } from "#elaborate/elaborate.js";
export type { ImportFiles } from "#elaborate/imports.js";
export { optimize } from "#compile/optimize.js";
export type { Optimized, OptimizeOptions } from "#compile/optimize.js";
export type { RuleCount } from "#compile/rule-counts.js";
export { emit } from "#compile/emit.js";
export type { EmitModuleOptions } from "#compile/emit.js";
export { emitAuto } from "#compile/emit-auto.js";
export type { EmitAutoOptions, ForTarget } from "#compile/emit-auto.js";
export type { AutoArtifact } from "#backend/auto.js";
export { takePictures } from "#compile/pictures.js";
export type { PictureOptions } from "#compile/pictures.js";
export type { Preprocess } from "#ir/preprocess.js";

// # Building nets (experimental)

export { net } from "#build/net.js";
export type {
  BuiltNet,
  GivenType,
  GivenWeights,
  NetBuilder,
  NetOptions,
  Operand,
  Value,
} from "#build/net.js";
export type { OpCalls } from "#build/op-calls.js";
export type { Numbers, TensorValues } from "#build/operand.js";

// # Other formats (stable)

export { importOnnx } from "#import/onnx/import-onnx.js";
export { importTfjs } from "#import/tfjs/import-tfjs.js";
export type { ImportOptions } from "#import/options/import-options.js";
export type { Imported } from "#import/finish.js";
export { fixInputs } from "#import/options/fix-inputs.js";
export type { GivenConstant, GivenConstants } from "#import/options/constants.js";
export { dataFileOf } from "#import/data-file.js";
export type { DataFile, OpenData } from "#import/data-file.js";
export { exportOnnx } from "#export/onnx/export-onnx.js";
export type { ExportedOnnx, ExportOptions } from "#export/onnx/export-onnx.js";

// # Weights (stable)

export type { WeightFile, WeightFiles } from "#ir/weights.js";
export { openWeightBytes } from "#weights/safetensors.js";
export { writeSafetensors } from "#weights/write-safetensors.js";
export type { TensorToWrite } from "#weights/write-safetensors.js";
export type { WeightType } from "#ir/compact.js";
export type { CompactReport, CompactWeight } from "#passes/compact-weights.js";

// # Splitting and integers (stable)

export { splitNetwork } from "#split/split-with-samples.js";
export type { FittedSplit, SplitNetworkOptions } from "#split/split-with-samples.js";
export type { SampledSplit } from "#split/request.js";
export type { FittedLayer } from "#report/fitted.js";
export type {
  FactoredLayer,
  SplitCost,
  SplitLayer,
  SplitMode,
  SplitOrder,
  SplitReport,
} from "#passes/split.js";
export { quantize } from "#quantize/quantize.js";
export type { QuantizeOptions } from "#quantize/quantize.js";
export type { QuantizedNet } from "#quantize/quantize-net.js";
export type { F32Layer, QuantizedLayer, QuantizedReport } from "#report/quantized.js";
export { samplesOf } from "#calibrate/samples.js";
export type { Sample, Samples } from "#calibrate/samples.js";
export type { CheckpointStore } from "#calibrate/checkpoints.js";
export type { OnProgress, Progress } from "#calibrate/progress.js";

// # Rules (stable)

export { parseRules } from "#compile/rules.js";
export type { RuleOptions, RuleSet } from "#compile/rules.js";
export { nativeRule } from "#rewrite/rule/native.js";
export type { NativeRuleOptions, NewOperand, NewValue, RuleBuilder } from "#rewrite/rule/native.js";
export type { Predicate, PredicateArgument, RuleValue } from "#rewrite/rule/predicate.js";
export type { Rule, UserRule } from "#rewrite/rule/rule.js";
export type { Fusion } from "#rewrite/fusion/fusion.js";
export { checkOneRule as checkRule } from "#compile/check-rules.js";
export type { RuleCheckOptions } from "#compile/check-rules.js";

// # Looking inside (stable)

export { printGraph } from "#inspect/lift.js";
export type { LiftOptions } from "#inspect/lift.js";
export { graphJson } from "#inspect/json.js";
export type { GraphJson, NodeJson } from "#inspect/json.js";
export { graphDot } from "#inspect/dot.js";
export { graphSvg } from "#film/svg.js";
export { comparisonPage, filmPage } from "#film/api.js";
export type { ComparisonPageOptions, FilmPageOptions } from "#film/api.js";
export { explain, explainKernels, explainText } from "#report/explain.js";
export { interpret } from "#interpret/interpret.js";
export { interpretScaled, longestReduction, tolerance } from "#interpret/tolerance.js";
export type { Scaled } from "#interpret/tolerance.js";
export { verifiedKinds, verifyArtifact } from "#compile/verify-artifact.js";
export type { Comparison, VerifyOptions } from "#compile/verify-artifact.js";
export type { Approximation } from "#compile/approximations.js";
export type { Drift } from "#compile/drift.js";
export { distributionNames } from "#ops/distributions.js";
export type { Distribution } from "#ops/distributions.js";
export { profile } from "#measure/profile.js";
export type { ProfileOptions } from "#measure/profile.js";
export { profileText } from "#report/profile.js";
export type { KernelProfile, ProfiledOp, ProfileReport } from "#report/profile.js";

// # Finding faults (experimental)

export { bisect } from "#bisect/bisect.js";
export type { BisectOptions, Bisection, Fault, Reduced } from "#bisect/bisect.js";

// # Graphs (experimental)

export type { Ast } from "#grammar/ast.js";
export type {
  AttributeValue,
  Graph,
  KernelId,
  KernelPlan,
  Node,
  NodeBase,
  NodeId,
  NodeOf,
  OpAttributes,
  OpName,
  Origin,
  Output,
  WeightId,
} from "#ir/graph.js";
export { inputNodes, nodeOf } from "#ir/graph.js";
export { outputIds, topological, users } from "#ir/node-order.js";
export { elements, printType } from "#ir/type.js";
export type { DType, Shape, TensorType } from "#ir/type.js";
export { tensor } from "#ir/tensor.js";
export type { Tensor } from "#ir/tensor.js";
export type { Module, WeightEntry, WeightSource, WeightStore } from "#ir/weights.js";
export { createWeightStore } from "#weights/store.js";
export { inferType, makeNode, ops } from "#ops/index.js";
export type { Problem } from "#ops/op.js";
export { verify as verifyModule } from "#ops/verify.js";

// # Passes and targets (experimental)

export { passes } from "#passes/index.js";
export type { PassOptions } from "#passes/index.js";
export type { Pass, PassContext } from "#rewrite/pipeline/pass.js";
export type { ExtraPass } from "#rewrite/pipeline/extra-pass.js";
export type { PassRun } from "#rewrite/pipeline/pipeline.js";
export { editGraph } from "#rewrite/edit.js";
export type { GraphEditor } from "#rewrite/edit.js";
export { targetNames } from "#ir/target.js";
export type { Target, TargetName } from "#ir/target.js";
export { targetDescriptions as targets, targetFor } from "#compile/targets.js";
export type { Devices } from "#compile/targets.js";
export type { ChainInModel, FusionExplanation } from "#report/explain-fusion.js";
export { explainFusion, explainFusionText } from "#report/explain-fusion.js";
export type {
  ExplainRuleOptions,
  NearMiss,
  PlaceInModel,
  Rewritten,
  RuleExplanation,
  RuleRun,
} from "#report/explain-rule.js";
export { explainRule, explainRuleText } from "#report/explain-rule.js";
