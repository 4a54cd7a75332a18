// The types of the concrete syntax tree. Generated from parser.ts by `UPDATE=1 npx vitest run test/grammar`.

import type { CstNode, IToken } from "chevrotain";

export interface ExpressionCstNode extends CstNode {
  name: "expression";
  children: ExpressionCstChildren;
}

export type ExpressionCstChildren = {
  conditional?: ConditionalCstNode[];
  operation?: OperationCstNode[];
  Pipe?: IToken[];
  call?: CallCstNode[];
};

export interface ConditionalCstNode extends CstNode {
  name: "conditional";
  children: ConditionalCstChildren;
}

export type ConditionalCstChildren = {
  If: IToken[];
  expression: (ExpressionCstNode)[];
  Then: IToken[];
  Else: IToken[];
};

export interface OperationCstNode extends CstNode {
  name: "operation";
  children: OperationCstChildren;
}

export type OperationCstChildren = {
  operand: (OperandCstNode)[];
  BinaryOperator?: IToken[];
};

export interface OperandCstNode extends CstNode {
  name: "operand";
  children: OperandCstChildren;
}

export type OperandCstChildren = {
  Minus?: IToken[];
  Not?: IToken[];
  NumberToken?: IToken[];
  SizeToken?: IToken[];
  StringToken?: IToken[];
  call?: CallCstNode[];
  list?: ListCstNode[];
  group?: GroupCstNode[];
  index?: IndexCstNode[];
};

export interface IndexCstNode extends CstNode {
  name: "index";
  children: IndexCstChildren;
}

export type IndexCstChildren = {
  OpenBracket: IToken[];
  expression: ExpressionCstNode[];
  CloseBracket: IToken[];
};

export interface CallCstNode extends CstNode {
  name: "call";
  children: CallCstChildren;
}

export type CallCstChildren = {
  Identifier?: (IToken)[];
  Question?: IToken[];
  Colon?: IToken[];
  arguments?: (ArgumentsCstNode)[];
};

export interface ArgumentsCstNode extends CstNode {
  name: "arguments";
  children: ArgumentsCstChildren;
}

export type ArgumentsCstChildren = {
  OpenParen: IToken[];
  argument?: (ArgumentCstNode)[];
  Comma?: (IToken)[];
  CloseParen: IToken[];
};

export interface ArgumentCstNode extends CstNode {
  name: "argument";
  children: ArgumentCstChildren;
}

export type ArgumentCstChildren = {
  DotDot?: (IToken)[];
  Identifier?: IToken[];
  ArgumentName?: IToken[];
  Equal?: IToken[];
  expression?: (ExpressionCstNode)[];
};

export interface ListCstNode extends CstNode {
  name: "list";
  children: ListCstChildren;
}

export type ListCstChildren = {
  OpenBracket: IToken[];
  expressions?: ExpressionsCstNode[];
  CloseBracket: IToken[];
};

export interface ExpressionsCstNode extends CstNode {
  name: "expressions";
  children: ExpressionsCstChildren;
}

export type ExpressionsCstChildren = {
  expression: (ExpressionCstNode)[];
  Comma?: (IToken)[];
};

export interface GroupCstNode extends CstNode {
  name: "group";
  children: GroupCstChildren;
}

export type GroupCstChildren = {
  OpenParen: IToken[];
  expression: ExpressionCstNode[];
  CloseParen: IToken[];
};

export interface TypeCstNode extends CstNode {
  name: "type";
  children: TypeCstChildren;
}

export type TypeCstChildren = {
  Identifier: IToken[];
  OpenBracket: IToken[];
  expressions?: ExpressionsCstNode[];
  CloseBracket: IToken[];
};

export interface FileCstNode extends CstNode {
  name: "file";
  children: FileCstChildren;
}

export type FileCstChildren = {
  item?: ItemCstNode[];
};

export interface ItemCstNode extends CstNode {
  name: "item";
  children: ItemCstChildren;
}

export type ItemCstChildren = {
  netItem?: NetItemCstNode[];
  blockItem?: BlockItemCstNode[];
  classItem?: ClassItemCstNode[];
  ruleItem?: RuleItemCstNode[];
  ruleSetItem?: RuleSetItemCstNode[];
  fuseItem?: FuseItemCstNode[];
  constItem?: ConstItemCstNode[];
  importItem?: ImportItemCstNode[];
  Newline: IToken[];
};

export interface ImportItemCstNode extends CstNode {
  name: "importItem";
  children: ImportItemCstChildren;
}

export type ImportItemCstChildren = {
  Import: IToken[];
  Identifier: IToken[];
  Comma?: IToken[];
  From: IToken[];
  StringToken: IToken[];
};

export interface NetItemCstNode extends CstNode {
  name: "netItem";
  children: NetItemCstChildren;
}

export type NetItemCstChildren = {
  Net: IToken[];
  Identifier: IToken[];
  body: BodyCstNode[];
};

export interface BlockItemCstNode extends CstNode {
  name: "blockItem";
  children: BlockItemCstChildren;
}

export type BlockItemCstChildren = {
  Block: IToken[];
  Identifier: IToken[];
  parameters: ParametersCstNode[];
  body: BodyCstNode[];
};

export interface ParametersCstNode extends CstNode {
  name: "parameters";
  children: ParametersCstChildren;
}

export type ParametersCstChildren = {
  OpenParen: IToken[];
  parameter?: (ParameterCstNode)[];
  Comma?: (IToken)[];
  CloseParen: IToken[];
};

export interface ParameterCstNode extends CstNode {
  name: "parameter";
  children: ParameterCstChildren;
}

export type ParameterCstChildren = {
  Identifier: IToken[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface ClassItemCstNode extends CstNode {
  name: "classItem";
  children: ClassItemCstChildren;
}

export type ClassItemCstChildren = {
  Class: IToken[];
  Identifier: IToken[];
  Equal: IToken[];
  classMember: ClassMemberCstNode[];
  Bar?: IToken[];
};

export interface ClassMemberCstNode extends CstNode {
  name: "classMember";
  children: ClassMemberCstChildren;
}

export type ClassMemberCstChildren = {
  Identifier: IToken[];
};

export interface RuleItemCstNode extends CstNode {
  name: "ruleItem";
  children: RuleItemCstChildren;
}

export type RuleItemCstChildren = {
  Rule: IToken[];
  tolerance?: ToleranceCstNode[];
  benefit?: BenefitCstNode[];
  Identifier: IToken[];
  Colon: IToken[];
  expression: (ExpressionCstNode)[];
  Comma?: (IToken)[];
  FatArrow: IToken[];
  Where?: IToken[];
  whereBinding?: WhereBindingCstNode[];
  condition?: ConditionCstNode[];
};

export interface RuleSetItemCstNode extends CstNode {
  name: "ruleSetItem";
  children: RuleSetItemCstChildren;
}

export type RuleSetItemCstChildren = {
  Rules: IToken[];
  Identifier: IToken[];
  rulePlace?: RulePlaceCstNode[];
  OpenBrace: IToken[];
  ruleLine?: RuleLineCstNode[];
  CloseBrace: IToken[];
};

export interface RuleLineCstNode extends CstNode {
  name: "ruleLine";
  children: RuleLineCstChildren;
}

export type RuleLineCstChildren = {
  ruleItem: RuleItemCstNode[];
  Newline: IToken[];
};

export interface RulePlaceCstNode extends CstNode {
  name: "rulePlace";
  children: RulePlaceCstChildren;
}

export type RulePlaceCstChildren = {
  Before?: IToken[];
  After?: IToken[];
  ArgumentName: IToken[];
  Minus?: IToken[];
};

export interface ToleranceCstNode extends CstNode {
  name: "tolerance";
  children: ToleranceCstChildren;
}

export type ToleranceCstChildren = {
  Approx: IToken[];
  OpenParen: IToken[];
  expression: ExpressionCstNode[];
  CloseParen: IToken[];
};

export interface BenefitCstNode extends CstNode {
  name: "benefit";
  children: BenefitCstChildren;
}

export type BenefitCstChildren = {
  Benefit: IToken[];
  OpenParen: IToken[];
  expression: ExpressionCstNode[];
  CloseParen: IToken[];
};

export interface WhereBindingCstNode extends CstNode {
  name: "whereBinding";
  children: WhereBindingCstChildren;
}

export type WhereBindingCstChildren = {
  Identifier: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface ConditionCstNode extends CstNode {
  name: "condition";
  children: ConditionCstChildren;
}

export type ConditionCstChildren = {
  When: IToken[];
  expression: ExpressionCstNode[];
};

export interface FuseItemCstNode extends CstNode {
  name: "fuseItem";
  children: FuseItemCstChildren;
}

export type FuseItemCstChildren = {
  Fuse: IToken[];
  Identifier: IToken[];
  Colon: IToken[];
  fuseLink: FuseLinkCstNode[];
  Arrow?: IToken[];
  condition?: ConditionCstNode[];
};

export interface FuseLinkCstNode extends CstNode {
  name: "fuseLink";
  children: FuseLinkCstChildren;
}

export type FuseLinkCstChildren = {
  Identifier: IToken[];
  Star?: IToken[];
  Plus?: IToken[];
  Question?: IToken[];
};

export interface ConstItemCstNode extends CstNode {
  name: "constItem";
  children: ConstItemCstChildren;
}

export type ConstItemCstChildren = {
  Const: IToken[];
  Identifier: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface BodyCstNode extends CstNode {
  name: "body";
  children: BodyCstChildren;
}

export type BodyCstChildren = {
  OpenBrace: IToken[];
  statement?: StatementCstNode[];
  CloseBrace: IToken[];
};

export interface StatementCstNode extends CstNode {
  name: "statement";
  children: StatementCstChildren;
}

export type StatementCstChildren = {
  weightsStatement?: WeightsStatementCstNode[];
  inputStatement?: InputStatementCstNode[];
  paramStatement?: ParamStatementCstNode[];
  constItem?: ConstItemCstNode[];
  repeatStatement?: RepeatStatementCstNode[];
  ifStatement?: IfStatementCstNode[];
  assertStatement?: AssertStatementCstNode[];
  kernelStatement?: KernelStatementCstNode[];
  outputStatement?: OutputStatementCstNode[];
  returnStatement?: ReturnStatementCstNode[];
  bindStatement?: BindStatementCstNode[];
  Newline: IToken[];
};

export interface WeightsStatementCstNode extends CstNode {
  name: "weightsStatement";
  children: WeightsStatementCstChildren;
}

export type WeightsStatementCstChildren = {
  Weights: IToken[];
  StringToken: IToken[];
};

export interface InputStatementCstNode extends CstNode {
  name: "inputStatement";
  children: InputStatementCstChildren;
}

export type InputStatementCstChildren = {
  Input: IToken[];
  Identifier: IToken[];
  Colon: IToken[];
  type: TypeCstNode[];
  Preprocess?: IToken[];
  arguments?: ArgumentsCstNode[];
};

export interface ParamStatementCstNode extends CstNode {
  name: "paramStatement";
  children: ParamStatementCstChildren;
}

export type ParamStatementCstChildren = {
  Param: IToken[];
  Identifier: IToken[];
  Colon: IToken[];
  type: TypeCstNode[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface RepeatStatementCstNode extends CstNode {
  name: "repeatStatement";
  children: RepeatStatementCstChildren;
}

export type RepeatStatementCstChildren = {
  Repeat: IToken[];
  expression: ExpressionCstNode[];
  As?: IToken[];
  Identifier?: IToken[];
  body: BodyCstNode[];
};

export interface KernelStatementCstNode extends CstNode {
  name: "kernelStatement";
  children: KernelStatementCstChildren;
}

export type KernelStatementCstChildren = {
  Kernel: IToken[];
  Identifier: (IToken)[];
  arguments?: ArgumentsCstNode[];
  body: BodyCstNode[];
};

export interface OutputStatementCstNode extends CstNode {
  name: "outputStatement";
  children: OutputStatementCstChildren;
}

export type OutputStatementCstChildren = {
  Output: IToken[];
  outputValue: OutputValueCstNode[];
  Comma?: IToken[];
};

export interface OutputValueCstNode extends CstNode {
  name: "outputValue";
  children: OutputValueCstChildren;
}

export type OutputValueCstChildren = {
  Identifier: IToken[];
  Labels?: IToken[];
  arguments?: ArgumentsCstNode[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface ReturnStatementCstNode extends CstNode {
  name: "returnStatement";
  children: ReturnStatementCstChildren;
}

export type ReturnStatementCstChildren = {
  Return: IToken[];
  expression: ExpressionCstNode[];
  Comma?: IToken[];
};

export interface IfStatementCstNode extends CstNode {
  name: "ifStatement";
  children: IfStatementCstChildren;
}

export type IfStatementCstChildren = {
  If: (IToken)[];
  expression: (ExpressionCstNode)[];
  body: (BodyCstNode)[];
  Else?: (IToken)[];
};

export interface AssertStatementCstNode extends CstNode {
  name: "assertStatement";
  children: AssertStatementCstChildren;
}

export type AssertStatementCstChildren = {
  Assert: IToken[];
  expression: (ExpressionCstNode)[];
  Comma?: IToken[];
};

export interface BindStatementCstNode extends CstNode {
  name: "bindStatement";
  children: BindStatementCstChildren;
}

export type BindStatementCstChildren = {
  target: TargetCstNode[];
  Comma?: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface TargetCstNode extends CstNode {
  name: "target";
  children: TargetCstChildren;
}

export type TargetCstChildren = {
  Identifier: IToken[];
  Colon?: IToken[];
  type?: TypeCstNode[];
};
