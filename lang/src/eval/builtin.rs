//! Calls: the predeclared functions, those of the standard packages, and functions used as validators.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{Callee, E, Expr, Predeclared, Scalar, X};
use crate::data::Data;
use crate::diag::Code;
use crate::number::Number;
use crate::pkg::{Function, Kind, Run};
use crate::source::Span;
use crate::syntax::ast::Constraint;

impl Evaluator {
    /// Whether a function called with this many arguments checks the value it is unified with.
    pub(super) fn validates(&self, f: Callee, args: usize) -> bool {
        match f {
            Callee::Package(_, f) => f.result == Kind::BOOL && args + 1 == f.required(),
            Callee::Predeclared(Predeclared::MatchN) => args == 2,
            Callee::Predeclared(Predeclared::MatchIf) => args == 3,
            Callee::Predeclared(_) => false,
        }
    }

    pub(super) fn add_validator(&mut self, v: VId, c: &Conj) {
        if c.ci.unchecked || self.ext_ref(v).is_some_and(|x| x.unchecked) {
            return;
        }
        let callee = match &c.expr.kind {
            X::Call(f, _) => f.clone(),
            _ => c.expr.clone(),
        };
        if let X::Function(Callee::Package(_, f)) = &callee.kind
            && self.v(v).kind != Kind::FUNCTION
            && let Some(p) = f.params.first()
        {
            let kind = self.v(v).kind.and(p.kind);
            if !kind.is_bottom() {
                self.v_mut(v).kind = kind;
            }
        }
        self.ext(v).validators.push(Validator { expr: c.expr.clone(), env: c.env });
    }

    /// Checks a vertex whose conjuncts are all in against one validator.
    pub(super) fn validator(&mut self, v: VId, f: &Validator) -> Res<()> {
        let (callee, args): (E, &[E]) = match &f.expr.kind {
            X::Call(fun, args) => (fun.clone(), args),
            _ => (f.expr.clone(), &[]),
        };
        let X::Function(callee) = &callee.kind else { return Ok(()) };
        let span = f.expr.span;
        let x = self.v(v);
        if x.scalar == NONE && x.kind != Kind::LIST && !(x.is_struct && x.kind == Kind::STRUCT) {
            // There is nothing to check yet.
            return Ok(());
        }
        match callee {
            Callee::Predeclared(Predeclared::MatchN) => self.match_n(v, f, args),
            Callee::Predeclared(Predeclared::MatchIf) => self.match_if(v, f, args),
            Callee::Predeclared(_) => Ok(()),
            Callee::Package("list", function) if function.name == "UniqueItems" => {
                let value = self.without_validators(v);
                self.unique_items(value, span)
            }
            Callee::Package(path, function) => {
                let ok = match function.run {
                    Run::Eval => self.eval_function(path, function, f.env, Some(v), args, span)?,
                    Run::Data(run) => {
                        let mut data = vec![self.argument(v, span)?];
                        for a in args {
                            data.push(self.argument_expr(f.env, a)?);
                        }
                        // The first argument is the value that is checked.
                        let place =
                            |i: usize| i.checked_sub(1).and_then(|i| args.get(i)).map_or(span, |a| a.span);
                        self.check_kinds(path, function, &data, place)?;
                        match run(&data) {
                            Ok(d) => Val::Scalar(match d {
                                Data::Bool(b) => Scalar::Bool(b),
                                _ => Scalar::Bool(true),
                            }),
                            Err(why) => {
                                let name = short(path, function.name);
                                let message = format!("error in call to {name}: {}", why.0);
                                return Err(self.error(Code::Call, span, message));
                            }
                        }
                    }
                };
                if matches!(ok, Val::Scalar(Scalar::Bool(true))) {
                    return Ok(());
                }
                let open = self.ext_ref(v).and_then(|x| x.list.as_ref()).is_some_and(|l| l.exact.is_none());
                if open && (*path, function.name) == ("list", "MinItems") {
                    let message = format!("{} may still get as many items as it must have", self.show(v));
                    return Err(self.error(Code::Incomplete, span, message));
                }
                let shown = self.show(v);
                let call = super::print::expr(self, &f.expr);
                let call = if matches!(f.expr.kind, X::Call(..)) { call } else { format!("{call}()") };
                let written = |c: &&Conj| matches!(c.expr.kind, X::List(_) | X::Struct(_));
                let literal = self.conjuncts(v).iter().find(written).map(|c| c.expr.span);
                let at = self.scalar_at(v).map(|s| s.1).or(literal).unwrap_or(crate::compile::NOWHERE);
                let e = self.refused((&shown, at), ("does not satisfy", &call, span));
                let open = self.ext_ref(v).and_then(|x| x.list.as_ref()).is_some_and(|l| l.exact.is_none());
                if open && *path == "list" && function.name == "MinItems" {
                    self.bottom_mut(e).incomplete = true;
                }
                Err(e)
            }
        }
    }

    /// Whether a finished value unifies with a schema; `None` as long as all that keeps it is a required field that is missing.
    fn fits(&mut self, v: VId, env: EnvId, schema: &E) -> Option<bool> {
        let probe = self.local(NONE, Self::link(v, schema.span));
        let c = Conj { env, expr: schema.clone(), ci: Ci::default(), decl: None };
        self.push_conjunct(probe, c);
        if self.first_error(probe).is_some() {
            return Some(false);
        }
        self.required_missing(probe).is_none().then_some(true)
    }

    /// A required field without a value, in a vertex or below.
    fn required_missing(&mut self, v: VId) -> Option<VId> {
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        for a in self.arcs(t).to_vec() {
            match a.constraint {
                Constraint::Required => return Some(a.vertex),
                Constraint::Regular => {
                    if let Some(m) = crate::compile::stack(|| self.required_missing(a.vertex)) {
                        return Some(m);
                    }
                }
                Constraint::Optional => {}
            }
        }
        None
    }

    /// The value of `v` without the validators, which are being checked.
    fn without_validators(&mut self, v: VId) -> VId {
        let copy = self.vertex(self.v(v).parent, self.v(v).label);
        let conjuncts = self.conjuncts(v).to_vec();
        for c in conjuncts {
            self.push_conjunct(copy, c);
        }
        self.v_mut(copy).stands_for = self.v(v).stands_for;
        let decisions = self.ext_ref(v).and_then(|x| x.decisions.clone());
        self.ext(copy).decisions = decisions;
        self.ext(copy).unchecked = true;
        copy
    }

    fn match_n(&mut self, v: VId, f: &Validator, args: &[E]) -> Res<()> {
        let value = self.without_validators(v);
        let Some(list) = args.get(1) else { return Ok(()) };
        let schemas = self.list_elements(f.env, list)?;
        let (mut n, mut possible) = (0, 0);
        for s in &schemas {
            match self.fits(value, NONE, &Self::link(*s, list.span)) {
                Some(true) => n += 1,
                Some(false) => {}
                None => possible += 1,
            }
        }
        if self.is_count(n, f, &args[0]) {
            return Ok(());
        }
        let want = super::print::expr(self, &args[0]);
        let message =
            format!("invalid value {} (does not satisfy matchN): {n} matched, expected {want}", self.show(v));
        let e = self.error(Code::Conflict, f.expr.span, message);
        let incomplete = (1..=possible).any(|more| self.is_count(n + more, f, &args[0]));
        self.bottom_mut(e).incomplete = incomplete;
        Err(e)
    }

    /// Whether a number of matches is what a validator wants.
    fn is_count(&mut self, n: i64, f: &Validator, want: &E) -> bool {
        let probe = self.scalar_vertex(Scalar::Number(Number::from(n)), want.span);
        let c = Conj { env: f.env, expr: want.clone(), ci: Ci::default(), decl: None };
        self.add_conjunct(probe, c);
        self.first_error(probe).is_none()
    }

    fn match_if(&mut self, v: VId, f: &Validator, args: &[E]) -> Res<()> {
        let value = self.without_validators(v);
        let [condition, then, otherwise] = args else { return Ok(()) };
        let condition = self.fits(value, f.env, condition);
        let (chosen, name) = match condition {
            Some(true) => (then, "then"),
            _ => (otherwise, "else"),
        };
        let fits = self.fits(value, f.env, chosen);
        if fits == Some(true) {
            return Ok(());
        }
        let message = format!(
            "invalid value {} (does not satisfy matchIf): {name} schema does not match",
            self.show(v)
        );
        let e = self.error(Code::Conflict, f.expr.span, message);
        self.bottom_mut(e).incomplete = condition.is_none() || fits.is_none();
        Err(e)
    }

    /// The function that an expression other than its name stands for: a field that is nothing but a function.
    pub(super) fn function(&mut self, env: EnvId, f: &E) -> Res<E> {
        if let X::Missing(m) = &f.kind {
            // No function will come.
            let e = self.missing(m);
            self.bottom_mut(e).incomplete = false;
            return Err(e);
        }
        let shown = super::print::expr(self, f);
        let not = |ev: &mut Evaluator, why: &str| {
            Err(ev.error(Code::Call, f.span, format!("cannot call {shown}: it is {why}")))
        };
        if !matches!(f.kind, X::Field { .. } | X::Select(..) | X::Index(..) | X::Let { .. }) {
            return not(self, "not a function");
        }
        let target = self.resolve(env, f)?;
        self.reads(target);
        self.expand(target);
        let target = self.settled(target);
        match self.ext_ref(target).map_or(&[][..], |x| &x.validators) {
            [only] if matches!(only.expr.kind, X::Function(_)) => Ok(only.expr.clone()),
            [only] if matches!(only.expr.kind, X::Call(..)) => not(self, "a function called already"),
            _ => {
                let kind = super::print::kind(self.v(target).kind);
                not(self, &format!("not a function but of type {kind}"))
            }
        }
    }

    pub(super) fn call(&mut self, env: EnvId, e: &E, f: &E, args: &[E]) -> Res<Val> {
        let X::Function(callee) = &f.kind else {
            let callee = self.function(env, f)?;
            return self.call(env, e, &callee, args);
        };
        match callee {
            Callee::Predeclared(p) => self.call_predeclared(env, e, *p, args),
            Callee::Package(path, function) => self.call_function(env, e, path, function, args),
        }
    }

    fn call_predeclared(&mut self, env: EnvId, e: &E, p: Predeclared, args: &[E]) -> Res<Val> {
        let want = match p {
            Predeclared::Len
            | Predeclared::Close
            | Predeclared::And
            | Predeclared::Or
            | Predeclared::Error => 1,
            Predeclared::Div
            | Predeclared::Mod
            | Predeclared::Quo
            | Predeclared::Rem
            | Predeclared::MatchN => 2,
            Predeclared::MatchIf => 3,
        };
        if args.len() != want {
            let few = if args.len() < want { "not enough" } else { "too many" };
            let message =
                format!("{few} arguments in call to {} (have {}, want {want})", p.name(), args.len());
            return Err(self.error(Code::Call, e.span, message));
        }
        match p {
            Predeclared::Len => self.len(env, e, &args[0]),
            Predeclared::Error => {
                let text = match self.operand(env, &args[0]) {
                    Ok(Val::Scalar(Scalar::String(s))) => s.to_string(),
                    Ok(other) => self.show_val(&other),
                    Err(err) if self.is_incomplete(err) && self.bottom(err).pending => return Err(err),
                    Err(_) => super::print::expr(self, &args[0]),
                };
                Err(self.error(Code::User, e.span, text))
            }
            Predeclared::Div | Predeclared::Mod | Predeclared::Quo | Predeclared::Rem => {
                let (a, b) = (self.operand(env, &args[0])?, self.operand(env, &args[1])?);
                let (Val::Scalar(Scalar::Number(x)), Val::Scalar(Scalar::Number(y))) = (&a, &b) else {
                    let bad = if matches!(a, Val::Scalar(Scalar::Number(_))) { &b } else { &a };
                    let shown = self.show_val(bad);
                    let message = format!("cannot use {shown} as int in argument to {}", p.name());
                    return Err(self.error(Code::Call, e.span, message));
                };
                let result = match p {
                    Predeclared::Div => x.int_div(y),
                    Predeclared::Mod => x.int_mod(y),
                    Predeclared::Quo => x.int_quo(y),
                    _ => x.int_rem(y),
                };
                match result {
                    Ok(n) => Ok(Val::Scalar(Scalar::Number(n))),
                    Err(why) => Err(self.error(Code::Call, e.span, why.to_string())),
                }
            }
            Predeclared::Close
            | Predeclared::And
            | Predeclared::Or
            | Predeclared::MatchN
            | Predeclared::MatchIf => Ok(Val::Vertex(self.local(env, e.clone()))),
        }
    }

    /// Whether the argument of `close` may be a struct.
    pub(super) fn can_be_closed(&mut self, env: EnvId, x: &E) -> Res<()> {
        if matches!(&x.kind, X::Struct(s) if !s.embeds) {
            return Ok(());
        }
        let value = self.eval(env, x)?;
        if let Val::Vertex(v) = value {
            self.expand(v);
            let t = self.with_default(v);
            self.expand(t);
            let y = self.v(t);
            if y.state == State::Done
                && y.err.is_none()
                && self.ext_ref(t).is_some_and(|e| !e.branches.is_empty())
            {
                let message = format!("unresolved disjunction {} in argument 1 to close", self.show(t));
                return Err(self.error(Code::Incomplete, x.span, message));
            }
            if y.state != State::Done || y.err.is_some() || y.kind.contains(Kind::STRUCT) {
                return Ok(());
            }
        }
        let (shown, kind) = (self.show_val(&value), super::print::kind(self.val_kind(&value)));
        let message = format!("cannot use {shown} (type {kind}) as struct in argument 1 to close");
        Err(self.error(Code::Operand, x.span, message))
    }

    fn len(&mut self, env: EnvId, e: &E, x: &E) -> Res<Val> {
        // What a function gives is counted as it is, however long: it need not become vertices for that.
        let counted = match &x.kind {
            X::Call(callee, args) => match &callee.kind {
                X::Function(Callee::Package(path, f))
                    if (f.required()..=f.params.len()).contains(&args.len()) =>
                {
                    match f.run {
                        Run::Data(run) if f.result == Kind::LIST => {
                            self.call_data(env, x, path, f, run, args).map(Some)?
                        }
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(Data::List(items)) = counted {
            return Ok(Val::Scalar(Scalar::Number(Number::from(items.len() as i64))));
        }
        let n = match self.operand(env, x)? {
            Val::Scalar(Scalar::String(s)) => s.len(),
            Val::Scalar(Scalar::Bytes(b)) => b.len(),
            Val::Vertex(v) if self.v(v).kind == Kind::LIST => {
                self.arcs(v).iter().filter(|a| a.label.as_index().is_some()).count()
            }
            Val::Vertex(v) => {
                let regular = |a: &&Arc_| a.constraint == Constraint::Regular && a.label.is_regular();
                self.arcs(v).iter().filter(regular).count()
            }
            Val::Scalar(s) => {
                let shown = super::print::scalar(&s);
                let kind = super::print::kind(s.kind());
                let message = format!("invalid argument type {kind} for len: {shown}");
                return Err(self.error(Code::Call, e.span, message));
            }
        };
        Ok(Val::Scalar(Scalar::Number(Number::from(n as i64))))
    }

    fn call_function(&mut self, env: EnvId, e: &E, path: &str, f: &'static Function, args: &[E]) -> Res<Val> {
        let name = short(path, f.name);
        if args.len() < f.required() || args.len() > f.params.len() {
            if self.validates(Callee::Package("", f), args.len()) {
                return Ok(Val::Vertex(self.local(env, e.clone())));
            }
            let few = if args.len() < f.params.len() { "not enough" } else { "too many" };
            let (have, want) = (args.len(), f.params.len());
            let message = format!("{few} arguments in call to {name} (have {have}, want {want})");
            let error = self.error(Code::Call, e.span, message);
            self.bottom_mut(error).hint =
                Some(format!("it is {}.{}", path.rsplit('/').next().unwrap_or(path), f.signature()));
            return Err(error);
        }
        // What is only moved keeps its defaults, and need not be known yet.
        if path == "list"
            && super::lists::moves(f.name)
            && let Some(moved) = self.moved(f.name, env, args, e.span)
        {
            return Ok(moved);
        }
        match f.run {
            Run::Eval => self.eval_function(path, f, env, None, args, e.span),
            Run::Data(run) => {
                let d = self.call_data(env, e, path, f, run, args)?;
                let short = d == Data::Null || matches!(&d, Data::List(items) if items.len() == 1);
                if let (true, Some(text)) = (short, args.first()) {
                    let text = self.argument_expr(env, text)?;
                    if crate::pkg::is_of_nothing(path, f.name, &[text], &d) {
                        return Ok(self.of_nothing(&d, e.span));
                    }
                }
                self.data_val(d, e)
            }
        }
    }

    /// What a text without a document is: `null` by default, and whatever it is unified with.
    fn of_nothing(&mut self, given: &Data, span: Span) -> Val {
        let (null, top) = (Expr::new(X::Scalar(Scalar::Null), span), Expr::new(X::Top, span));
        let mut x = Expr::new(X::Or(vec![(null, true), (top, false)]), span);
        if matches!(given, Data::List(_)) {
            x = Expr::new(X::List(super::expr::List { elems: vec![x], ellipsis: None }), span);
        }
        Val::Vertex(self.local(NONE, x))
    }

    /// The result of a function on concrete arguments, whose number is right.
    fn call_data(
        &mut self,
        env: EnvId,
        e: &E,
        path: &str,
        f: &Function,
        run: fn(&[Data]) -> Result<Data, crate::pkg::CallError>,
        args: &[E],
    ) -> Res<Data> {
        let mut data = Vec::with_capacity(f.params.len());
        for (a, p) in args.iter().zip(f.params) {
            let value = self.operand(env, a)?;
            // A list or struct that is of no use need not be concrete to be refused.
            if let Val::Vertex(v) = value
                && p.kind.and(self.v(v).kind).is_bottom()
            {
                let (shown, have, want) =
                    (self.show(v), super::print::kind(self.v(v).kind), super::print::kind(p.kind));
                let (n, name) = (data.len() + 1, short(path, f.name));
                let message = format!("cannot use {shown} (type {have}) as {want} in argument {n} to {name}");
                return Err(self.error(Code::Call, a.span, message));
            }
            data.push(match value {
                Val::Scalar(s) => super::export::scalar_data(&s),
                Val::Vertex(v) => self.argument(v, a.span)?,
            });
        }
        data.extend(f.params[data.len()..].iter().filter_map(|p| p.default).map(Data::from));
        self.check_kinds(path, f, &data, |i| args.get(i).map_or(e.span, |a| a.span))?;
        run(&data).map_err(|why| {
            let name = short(path, f.name);
            self.error(Code::Call, e.span, format!("error in call to {name}: {}", why.0))
        })
    }

    /// Refuses an argument of a kind that the function does not take. `place` tells where each is written.
    fn check_kinds(
        &mut self,
        path: &str,
        f: &Function,
        data: &[Data],
        place: impl Fn(usize) -> Span,
    ) -> Res<()> {
        for (i, (d, p)) in data.iter().zip(f.params).enumerate() {
            if p.kind.and(d.kind()).is_bottom() {
                let shown = super::print::data(d);
                let (have, want) = (super::print::kind(d.kind()), super::print::kind(p.kind));
                let name = short(path, f.name);
                let message =
                    format!("cannot use {shown} (type {have}) as {want} in argument {} to {name}", i + 1);
                return Err(self.error(Code::Call, place(i), message));
            }
        }
        Ok(())
    }

    /// The data of a concrete argument.
    pub(super) fn argument_expr(&mut self, env: EnvId, e: &E) -> Res<Data> {
        match self.operand(env, e)? {
            Val::Scalar(s) => Ok(super::export::scalar_data(&s)),
            Val::Vertex(v) => self.argument(v, e.span),
        }
    }

    fn argument(&mut self, v: VId, span: Span) -> Res<Data> {
        let _ = span;
        if let Some((s, _)) = self.scalar_at(v) {
            return Ok(super::export::scalar_data(s));
        }
        if self.v(v).state == State::Processing {
            // The value is being checked: its fields are known, and that is what is asked for.
            return self.data_of_fields(v);
        }
        match self.data(v) {
            Ok(d) => {
                self.allocate(64)?;
                Ok(d)
            }
            Err(errors) => Err(self.retell(&errors)),
        }
    }

    /// The first of some errors, told of the vertex being worked on.
    fn retell(&mut self, errors: &[ErrId]) -> ErrId {
        let Some(first) = errors.first() else {
            return self.error(Code::Incomplete, crate::compile::NOWHERE, "the value is incomplete");
        };
        let b = self.bottom(*first).clone();
        self.push_error(Bottom { at: self.current(), ..b })
    }

    fn data_of_fields(&mut self, v: VId) -> Res<Data> {
        let copy = self.without_validators(v);
        match self.data(copy) {
            Ok(d) => Ok(d),
            Err(errors) => Err(self.retell(&errors)),
        }
    }

    /// Data as a value.
    pub(super) fn data_val(&mut self, d: Data, e: &E) -> Res<Val> {
        Ok(match d {
            Data::Null => Val::Scalar(Scalar::Null),
            Data::Bool(b) => Val::Scalar(Scalar::Bool(b)),
            Data::Number(n) => Val::Scalar(Scalar::Number(n)),
            Data::String(s) => {
                self.allocate(s.len() as u64)?;
                Val::Scalar(Scalar::String(s))
            }
            Data::Bytes(b) => {
                self.allocate(b.len() as u64)?;
                Val::Scalar(Scalar::Bytes(b))
            }
            other => {
                self.allocate(parts(&other).saturating_mul(PART))?;
                let x = crate::compile::data(&other, &mut self.labels);
                let x = Expr::new(X::And(vec![x]), e.span);
                Val::Vertex(self.local(NONE, x))
            }
        })
    }

    /// Functions that need more than concrete data. `subject` is the value a validator checks.
    fn eval_function(
        &mut self,
        path: &str,
        f: &Function,
        env: EnvId,
        subject: Option<VId>,
        args: &[E],
        span: Span,
    ) -> Res<Val> {
        let truth = |b| Ok(Val::Scalar(Scalar::Bool(b)));
        let mut all: Vec<(EnvId, E)> = Vec::new();
        if let Some(v) = subject {
            let value = self.without_validators(v);
            all.push((NONE, Self::link(value, span)));
        }
        all.extend(args.iter().map(|a| (env, a.clone())));
        match (path, f.name, all.as_slice()) {
            ("list", "Sort" | "SortStable", [(le, list), (ce, comparer)]) => {
                self.sort(*le, list, *ce, comparer, span).map(Val::Vertex)
            }
            ("list", "IsSorted", [(le, list), (ce, comparer)]) => {
                truth(self.is_sorted(*le, list, *ce, comparer)?)
            }
            ("list", "MatchN", [(le, list), (ne, n), (se, schema)]) => {
                let items = self.list_elements(*le, list)?;
                let mut count = 0;
                for i in items {
                    if self.fits(i, *se, schema) == Some(true) {
                        count += 1;
                    }
                }
                let probe = self.scalar_vertex(Scalar::Number(Number::from(count as i64)), span);
                let c = Conj { env: *ne, expr: n.clone(), ci: Ci::default(), decl: None };
                self.add_conjunct(probe, c);
                let ok = self.first_error(probe).is_none();
                truth(ok)
            }
            ("struct", "MinFields" | "MaxFields", [(se, s), (ne, n)]) => {
                let limit = match self.operand(*ne, n)? {
                    Val::Scalar(Scalar::Number(n)) if n.is_int() && n.to_i64().is_some() => {
                        n.to_i64().unwrap_or_default()
                    }
                    other => {
                        let shown = self.show_val(&other);
                        let message = format!("cannot use {shown} as int in argument 2 to struct.{}", f.name);
                        return Err(self.error(Code::Call, span, message));
                    }
                };
                let (have, room) = match self.operand(*se, s)? {
                    Val::Vertex(v) if self.v(v).kind != Kind::LIST => {
                        let regular = |a: &&Arc_| a.constraint == Constraint::Regular && a.label.is_regular();
                        (self.arcs(v).iter().filter(regular).count() as i64, self.room(v))
                    }
                    other => {
                        let shown = self.show_val(&other);
                        let message =
                            format!("cannot use {shown} as struct in argument 1 to struct.{}", f.name);
                        return Err(self.error(Code::Call, span, message));
                    }
                };
                if f.name == "MaxFields" {
                    return truth(have <= limit);
                }
                let possible = room.is_none_or(|n| have.saturating_add(n as i64) >= limit);
                if have < limit && possible && subject.is_some() {
                    let message = format!("len(fields) < MinFields({limit}) ({have} < {limit})");
                    return Err(self.error(Code::Incomplete, span, message));
                }
                truth(have >= limit)
            }
            ("list", "UniqueItems", [(le, list)]) => {
                let items = self.list_elements(*le, list)?;
                if let Some(e) = items.iter().find_map(|v| self.first_error(*v)) {
                    return Err(e);
                }
                let scalar = |v: &VId| self.scalar_at(*v).map(|s| super::export::scalar_data(&s.0));
                if let Some(data) = items.iter().map(scalar).collect::<Option<Vec<Data>>>() {
                    let unique = crate::pkg::unique_items(&data);
                    return truth(matches!(unique, Ok(Data::Bool(true))));
                }
                for (i, a) in items.iter().enumerate() {
                    for b in &items[i + 1..] {
                        self.step()?;
                        // A call is told of the list as it is, whatever may be added to its items.
                        if self.same_data(*a, *b)?.is_some() {
                            return truth(false);
                        }
                    }
                }
                truth(true)
            }
            ("encoding/openapi", "MarshalSchema", [(ce, config), (se, schema)]) => {
                let config = crate::encode::openapi::Config::of(&self.argument_expr(*ce, config)?);
                let v = match self.operand(*se, schema)? {
                    Val::Vertex(v) if self.v(v).kind == Kind::STRUCT => v,
                    other => {
                        let shown = self.show_val(&other);
                        let message =
                            format!("cannot use {shown} as struct in argument 2 to openapi.MarshalSchema");
                        return Err(self.error(Code::Call, span, message));
                    }
                };
                match crate::encode::openapi::schemas(self, v, &config) {
                    Ok(document) => {
                        let text = crate::encode::json::compact(&document);
                        self.allocate(text.len() as u64)?;
                        Ok(Val::Scalar(Scalar::String(text.into())))
                    }
                    Err(errors) => Err(self.retell(&errors)),
                }
            }
            (
                "encoding/json" | "encoding/yaml",
                "Validate" | "ValidatePartial",
                [(te, text), (se, schema)],
            ) => {
                let d = self.argument_expr(*te, text)?;
                let bytes: &[u8] = match &d {
                    Data::String(s) => s.as_bytes(),
                    Data::Bytes(b) => b,
                    _ => {
                        let message = format!(
                            "cannot use {} as text in argument 1 to {}",
                            super::print::data(&d),
                            f.name
                        );
                        return Err(self.error(Code::Call, span, message));
                    }
                };
                // YAML may hold several documents: every one must match.
                let stream = path == "encoding/yaml";
                if stream && bytes.trim_ascii().is_empty() {
                    // There is no document; a schema that has a value of its own is satisfied with that.
                    let probe = self.local(*se, schema.clone());
                    let missing = self.all_errors(probe, f.name == "Validate");
                    return match missing.is_empty() || self.v(probe).kind == Kind::TOP {
                        true => truth(true),
                        false => Err(self.retell(&missing)),
                    };
                }
                let decoder = if stream { "UnmarshalStream" } else { "Unmarshal" };
                let decode = crate::pkg::package(path)
                    .and_then(|p| p.functions.iter().find(|g| g.name == decoder))
                    .map(|g| g.run);
                let decoded = match decode {
                    Some(Run::Data(run)) => run(&[Data::Bytes(bytes.into())]),
                    _ => Err(crate::pkg::CallError("no decoder".to_owned())),
                };
                let value = match decoded {
                    Ok(v) => v,
                    Err(why) => {
                        let name = short(path, f.name);
                        let message = format!("error in call to {name}: {}", why.0);
                        return Err(self.error(Code::Call, span, message));
                    }
                };
                let documents = match value {
                    Data::List(documents) if stream => documents,
                    value => vec![value],
                };
                for value in documents {
                    let x = crate::compile::data(&value, &mut self.labels);
                    let probe = self.local(NONE, x);
                    let c = Conj { env: *se, expr: schema.clone(), ci: Ci::default(), decl: None };
                    self.push_conjunct(probe, c);
                    let concrete = stream && f.name == "Validate";
                    let errors = self.all_errors(probe, concrete);
                    let name = short(path, f.name);
                    if let Some(e) = errors.first() {
                        let told = self.diagnostics(*e).into_iter().next();
                        let why =
                            told.map_or_else(|| self.bottom(*e).message.clone(), |d| d.unfolded().message);
                        let message = format!("error in call to {name}: {why}");
                        return Err(self.error(Code::Call, span, message));
                    }
                    if !stream && let Some(missing) = self.required_missing(probe) {
                        let label = self.labels.selector(self.v(missing).label);
                        let message =
                            format!("error in call to {name}: field {label} is required but not present");
                        return Err(self.error(Code::Incomplete, span, message));
                    }
                }
                truth(true)
            }
            _ => {
                let message = format!("{} is not supported", short(path, f.name));
                Err(self.error(Code::Call, span, message))
            }
        }
    }
}

/// What a part of a list or struct that a function made is held in, in bytes: as data and as an expression.
pub(super) const PART: u64 = 136;

/// How many parts data has. Functions make none that are nested deep.
fn parts(data: &Data) -> u64 {
    match data {
        Data::List(items) => 1 + items.iter().map(parts).sum::<u64>(),
        Data::Struct(fields) => 1 + fields.iter().map(|(_, value)| parts(value)).sum::<u64>(),
        _ => 1,
    }
}

/// `strings.Join` for package `strings`, `json.Marshal` for `encoding/json`.
pub(super) fn short(path: &str, name: &str) -> String {
    format!("{}.{name}", path.rsplit('/').next().unwrap_or(path))
}
