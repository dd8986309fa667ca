//! A program as statements: what is assigned where, and what a name stands for at some place.

use super::tokens::{Kind, Token, tokens};

/// How far a name is followed to a name to a value.
const LONGEST_CHAIN: usize = 8;

/// A program that is read, not run.
#[derive(Debug)]
pub(super) struct Program<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    statements: Vec<Statement>,
}

/// One logical line.
#[derive(Debug)]
struct Statement {
    /// Its tokens, without the line's end.
    from: usize,
    to: usize,
    indentation: usize,
    /// The statements that begin the functions and classes it stands in, outermost first.
    scope: Vec<usize>,
}

/// Tokens of a program, by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// An assignment to `target`, which is a name or `name.attribute`.
struct Assignment {
    statement: usize,
    value: Span,
    /// Whether it always happens when its line is reached, and says all of the value.
    is_plain: bool,
}

impl<'t> Program<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let tokens = tokens(text);
        let statements = statements(text, &tokens);
        Self { text, tokens, statements }
    }

    pub(super) fn tokens(&self, span: Span) -> &[Token] {
        &self.tokens[span.from..span.to]
    }

    pub(super) fn all(&self) -> Span {
        Span { from: 0, to: self.tokens.len() }
    }

    pub(super) fn is_name(&self, at: usize, name: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token { kind: Kind::Name(found), .. }) if found == name)
    }

    pub(super) fn is_sign(&self, at: usize, sign: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token { kind: Kind::Sign(found), .. }) if *found == sign)
    }

    /// The name at this position, if there is one.
    pub(super) fn name(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Which line of the file a token stands in, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let start = self.tokens.get(at).map_or(self.text.len(), |token| token.start);
        1 + self.text[..start].matches('\n').count()
    }

    /// The text of an expression in one line, with its comments left out.
    pub(super) fn source(&self, span: Span) -> String {
        let mut source = String::new();
        let mut end = None;
        for token in self.tokens(span) {
            if end.is_some_and(|end| end < token.start) {
                source.push(' ');
            }
            source.push_str(&self.text[token.start..token.end]);
            end = Some(token.end);
        }
        let words: Vec<_> = source.split_whitespace().collect();
        words.join(" ").chars().filter(|character| !character.is_control()).collect()
    }

    /// The arguments between brackets of which the first stands at `opening`, and the position
    /// after the last.
    pub(super) fn arguments(&self, opening: usize) -> (Vec<Span>, usize) {
        let mut arguments = Vec::new();
        let mut depth = 0_usize;
        let mut from = opening + 1;
        for at in opening..self.tokens.len() {
            match self.tokens[at].kind {
                Kind::Sign("(" | "[" | "{") => depth += 1,
                Kind::Sign(")" | "]" | "}") => depth -= 1,
                Kind::Sign(",") if depth == 1 => {
                    arguments.push(Span { from, to: at });
                    from = at + 1;
                }
                _ => {}
            }
            if depth == 0 {
                // Nothing stands after a trailing comma.
                arguments.extend((from < at).then_some(Span { from, to: at }));
                return (arguments, at + 1);
            }
        }
        (arguments, self.tokens.len())
    }

    /// What an expression at `place` comes to: itself, or, where it is a name, what was assigned to
    /// it. `None` where only a run could tell.
    pub(super) fn resolve(&self, expression: Span, place: usize) -> Option<(Span, usize)> {
        let (mut expression, mut place) = (expression, place);
        for _ in 0..LONGEST_CHAIN {
            let is_single = expression.to == expression.from + 1;
            let name = self.name(expression.from).filter(|_| is_single);
            let Some(name) = name.filter(|name| !["True", "False", "None"].contains(name)) else {
                return Some((expression, place));
            };
            (expression, place) = self.assigned(name, place)?;
        }
        None
    }

    /// What was assigned to a name before `place`, and where.
    fn assigned(&self, name: &str, place: usize) -> Option<(Span, usize)> {
        let here = self.statement_at(place)?;
        let found = self.assignments(&[name]);
        let scope_of = |assignment: &&Assignment| &self.statements[assignment.statement].scope;
        let mut own = found.iter().filter(|assignment| *scope_of(assignment) == here.scope);
        let (assignment, deepest) = match own.clone().next() {
            Some(_) => {
                let before = |assignment: &&Assignment| assignment.value.to <= place;
                (own.rfind(before)?, here.indentation)
            }
            // A function runs after the file was read to its end.
            None => (found.iter().rfind(|assignment| scope_of(assignment).is_empty())?, 0),
        };
        let is_certain = self.statements[assignment.statement].indentation <= deepest;
        (assignment.is_plain && is_certain).then_some((assignment.value, assignment.value.from))
    }

    /// What is assigned to attributes of the `name` between two places, with the attributes' names.
    pub(super) fn attributes(&self, name: &str, between: Span) -> Vec<(String, Option<Span>)> {
        let deepest = self.statement_at(between.to).map_or(0, |statement| statement.indentation);
        let is_certain = |assignment: &Assignment| {
            assignment.is_plain && self.statements[assignment.statement].indentation <= deepest
        };
        let signs = (between.from..between.to).filter(|&at| {
            self.is_name(at, name) && self.is_sign(at + 1, ".") && self.is_sign(at + 3, "=")
        });
        let assigned = signs.filter_map(|at| {
            let attribute = self.name(at + 2)?.to_owned();
            let known = self.assignments(&[name, &attribute]).into_iter();
            let mut certain = known.filter(is_certain);
            let value = certain.find(|assignment| assignment.value.from == at + 4);
            Some((attribute, value.map(|assignment| assignment.value)))
        });
        assigned.collect()
    }

    fn statement_at(&self, at: usize) -> Option<&Statement> {
        self.statements.iter().find(|statement| (statement.from..statement.to).contains(&at))
    }

    /// Every assignment to the dotted `target`, in order.
    fn assignments(&self, target: &[&str]) -> Vec<Assignment> {
        let mut found = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let mut depth = 0_usize;
            let mut begins = true;
            for at in statement.from..statement.to {
                if depth == 0 && self.names(at, target) {
                    found.extend(self.assignment(index, at + 2 * target.len() - 1, begins));
                }
                begins = false;
                match self.tokens[at].kind {
                    Kind::Sign("(" | "[" | "{") => depth += 1,
                    Kind::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                    Kind::Sign(";") => begins = true,
                    _ => {}
                }
            }
        }
        found
    }

    fn names(&self, at: usize, target: &[&str]) -> bool {
        let is_attribute = at > 0 && self.is_sign(at - 1, ".");
        let mut parts = target.iter().enumerate();
        !is_attribute
            && parts.all(|(index, name)| {
                let at = at + 2 * index;
                self.is_name(at, name) && (index == 0 || self.is_sign(at - 1, "."))
            })
    }

    /// The assignment whose target ends before the token `after`, if it is one.
    fn assignment(&self, index: usize, after: usize, begins: bool) -> Option<Assignment> {
        let statement = &self.statements[index];
        let rest = (after..statement.to).take_while(|&at| !self.is_sign(at, ";"));
        let rest = Span { from: after, to: rest.last().map_or(after, |last| last + 1) };
        let is_annotated = begins && self.is_sign(after, ":");
        let mut signs = (rest.from..rest.to).filter(|&at| self.is_sign(at, "="));
        let equals = match () {
            () if self.is_sign(after, "=") => after,
            () if is_annotated => signs.next()?,
            () => {
                let changes = matches!(
                    self.tokens.get(after)?.kind,
                    Kind::Sign(sign) if sign.len() >= 2 && sign.ends_with('=')
                        && !["==", "!=", "<=", ">="].contains(&sign)
                );
                let value = Span { from: after, to: after };
                return changes.then_some(Assignment { statement: index, value, is_plain: false });
            }
        };
        let value = Span { from: equals + 1, to: rest.to };
        Some(Assignment { statement: index, value, is_plain: begins })
    }
}

fn statements(text: &str, tokens: &[Token]) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut scopes: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    let ends = (0..tokens.len()).filter(|&at| tokens[at].kind == Kind::Newline);
    for to in ends.chain([tokens.len()]) {
        if from < to {
            let indentation = indentation(text, tokens[from].start);
            while scopes.last().is_some_and(|(outer, _)| indentation <= *outer) {
                scopes.pop();
            }
            let scope = scopes.iter().map(|(_, index)| *index).collect();
            let begins = |words: &[&str]| {
                let word = |(at, word): (usize, &&str)| matches!(&tokens[from + at].kind, Kind::Name(name) if name == word);
                words.len() <= to - from && words.iter().enumerate().all(word)
            };
            if begins(&["def"]) || begins(&["async", "def"]) || begins(&["class"]) {
                scopes.push((indentation, statements.len()));
            }
            statements.push(Statement { from, to, indentation, scope });
        }
        from = to + 1;
    }
    statements
}

/// How far from the start of its line a token stands.
fn indentation(text: &str, start: usize) -> usize {
    start - text[..start].rfind('\n').map_or(0, |newline| newline + 1)
}
