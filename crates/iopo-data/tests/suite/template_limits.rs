//! Templates that would take the machine: each is an error, in bounded time, memory and stack.

use std::error::Error;
use std::thread;

use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};

use crate::common;

fn encoder(template: &str) -> Result<TemplateEncoder, String> {
    let dir = common::edited_tokenizer("qwen2-tiny", |config| config["chat_template"] = template.into());
    TemplateEncoder::new(TextTokenizer::from_dir(dir.path()).unwrap(), Template::Chat)
        .map_err(|error| cause(&error))
}

/// The prompt that a template makes, or why it makes none.
fn rendered(template: &str) -> Result<String, String> {
    let encoder = encoder(template)?;
    let ids = encoder.prompt(&[Message::user("q")]).map_err(|error| cause(&error))?;
    Ok(encoder.tokenizer().decode(&ids).unwrap())
}

fn cause(error: &dyn Error) -> String {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

#[test]
fn a_template_that_makes_too_much_is_an_error() {
    for template in [
        // Texts.
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(9) %}{% set ns.x = ns.x * 1000 %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x|replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x.replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x.replace('', ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x]|join(ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x.join([ns.x, ns.x]) %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = '%s%s'|format(ns.x, ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}",
        "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns = namespace(x='a') %}{% for i in range(100) %}\
         {% set ns.x = m(ns.x) %}{% endfor %}",
        "{% filter indent(4000000000) %}a\nb\n{% endfilter %}",
        "{{ 'a'|indent(4000000000, true) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%.1000000000f'|format(1.5) }}",
        "{{ '{:>1000000000}'.format('a') }}",
        "{{ [[[[1]]]]|tojson(indent=4000000000) }}",
        "{{ 'a' * 100000000 * 100 }}",
        "{% for i in range(100000) %}{% for j in range(1000) %}many words that are written again and again{% endfor %}{% endfor %}",
        // Lists.
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ ns.x == ns.x }}",
        "{{ ([1] * 100000000)|length }}",
        "{{ (1, 2) * 100000000 }}",
        "{{ [1]|batch(1000000000, 0) }}",
        "{{ [1]|slice(1000000000, 0) }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x[0:] %}{% endfor %}{{ ns.x|length }}\
         {% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x|map('string') %}{% endfor %}\
         {% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        // Values that would hold themselves.
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}",
        "{% set a = namespace() %}{% set b = namespace(x=a) %}{% set a.x = b %}{{ a }}",
    ] {
        assert!(rendered(template).is_err(), "{template}");
    }
}

#[test]
fn a_template_that_does_too_much_is_an_error() {
    for template in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% block b %}{{ self.b() }}{% endblock %}",
        "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{% set x = 'ab' * 10000000 %}{% set y = 'ab' * 10000000 %}{% for i in range(100000) %}{{ x == y }}{% endfor %}",
        "{% set x = 'ab' * 10000000 %}{% for i in range(100000) %}{{ 'c' in x }}{% endfor %}",
        "{% set x = 'ab' * 10000000 %}{% for i in range(100000) %}{{ x[9999999] }}{{ x[9999999:] }}{% endfor %}",
        "{% set x = 'ab' * 10000000 %}{% for i in range(100000) %}{{ x.count('c') }}{{ x|length }}{% endfor %}",
        "{% set x = 'ab' * 10000000 %}{% set y = 'ab' * 10000000 %}{% for i in range(100000) %}\
         {{ loop.changed(x) }}{{ loop.changed(y) }}{% endfor %}",
        "{% set x = range(100000)|list %}{% for i in range(100000) %}{{ x|select('eq', 0)|list|length }}{% endfor %}",
        "{% set x = range(100000)|list %}{% for i in range(100000) %}{{ x|sort|first }}{% endfor %}",
        "{% set x = range(100000)|list %}{% for i in range(100000) %}{{ -1 in x }}{% endfor %}",
    ] {
        assert!(rendered(template).is_err(), "{template}");
    }
}

#[test]
fn a_template_that_nests_too_deeply_is_an_error_without_an_end_of_the_stack() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        [open.repeat(times), inner.to_owned(), close.repeat(times)].concat()
    };
    let templates = [
        format!("{{{{ {}1 }}}}", "not ".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(100_000)),
        format!("{{{{ x{} }}}}", "|trim".repeat(50_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(50_000)),
        format!("{{{{ x{} }}}}", "[0]".repeat(50_000)),
        format!("{{{{ x{} }}}}", "()".repeat(50_000)),
        format!("{{{{ x{} }}}}", " is defined".repeat(50_000)),
        format!("{{{{ x{} }}}}", " + x".repeat(50_000)),
        format!("{{{{ x{} }}}}", " ~ x".repeat(50_000)),
        format!("{{{{ x{} }}}}", " and x".repeat(50_000)),
        format!("{{{{ x{} }}}}", " if x else x".repeat(50_000)),
        format!("{{{{ x{} }}}}", " if x".repeat(50_000)),
        format!("{{% set x{} = 1 %}}", ".a".repeat(50_000)),
        format!("{{% set {} = 1 %}}", nested("(", "a", ")", 50_000)),
        format!("{{% filter trim{} %}}{{% endfilter %}}", "|trim".repeat(50_000)),
        format!("{{{{ {} }}}}", nested("[", "", "]", 50_000)),
        format!("{{{{ {} }}}}", nested("(", "1", ")", 50_000)),
        format!("{{{{ {} }}}}", nested("{'a':", "1", "}", 50_000)),
        nested("{% if x %}", "", "{% endif %}", 20_000),
        nested("{% for x in y %}", "", "{% endfor %}", 20_000),
        nested("{% macro m() %}", "", "{% endmacro %}", 20_000),
        format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(20_000)),
        "x".repeat(2 << 20),
        "{{ f(*x) }}".to_owned(),
        "{{ f(a, **x) }}".to_owned(),
    ];
    for template in templates {
        let shown: String = template.chars().take(60).collect();
        let error = encoder(&template).err().unwrap_or_else(|| panic!("{shown} is taken"));
        assert!(error.starts_with("the tokenizer's chat template cannot be parsed"), "{shown}: {error}");
    }
}

/// Whatever passes the checks can be compiled and rendered on a thread of the usual size.
#[test]
fn the_deepest_templates_that_are_taken_need_no_large_stack() {
    let templates = [
        format!("{{{{ {}1 }}}}", "not ".repeat(2_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(140)),
        format!("{{{{ x{} }}}}", "|string".repeat(1_000)),
        format!("{{{{ 'x'{} }}}}", " ~ 'x'".repeat(1_000)),
        format!("{{{{ y{} }}}}", " ~ y".repeat(1_000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(500)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(500)),
        "{% if 1 %}".repeat(140) + &"{% endif %}".repeat(140),
        format!("{{{{ {}{} }}}}", "[".repeat(70), "]".repeat(70)),
        "{% set ns = namespace(x=[]) %}{% for i in range(150) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}".to_owned(),
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(20) }}".to_owned(),
    ];
    let render = move || {
        for template in templates {
            rendered(&template).unwrap_or_else(|error| panic!("{}: {error}", &template[..60]));
        }
    };
    thread::Builder::new().stack_size(2 << 20).spawn(render).unwrap().join().unwrap();
}

#[test]
fn guards_change_nothing_that_a_template_renders() {
    for (template, text) in [
        ("{{ 2 * 3 }} {{ 2 ** 3 * 2 }} {{ 7 // 2 * 2 }} {{ -2 * 3 }} {{ 'ab' * 2 }}", "6 16 6 -6 abab"),
        ("{{ [1, 2] + [3] }} {{ ([1] * 3)|join('-') }} {{ (1, 2) + (3,) }}", "[1, 2, 3] 1-1-1 (1, 2, 3)"),
        ("{{ 'abcdef'[1:4] }} {{ [1, 2, 3][::-1]|join }} {{ 'abc'[-1] }} {{ [1, 2][1] }}", "bcd 321 c 2"),
        (
            "{{ 1 < 2 <= 2 != 3 }} {{ 'a' in 'abc' }} {{ 2 not in [1] }} {{ {'a': 1} == {'a': 1} }}",
            "True True True True",
        ),
        (
            "{% set a, b = [1, 2] %}{{ a }}{{ b }}{% for k, v in {'x': 1}|items %}{{ k }}{{ v }}{% endfor %}",
            "12x1",
        ),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x }}{% filter upper %}b{% endfilter %}", "a1B"),
        (
            "{% macro m(x, y=2) %}{{ x }}{{ y }}{{ caller() }}{% endmacro %}{% call m(1) %}c{% endcall %}",
            "12c",
        ),
        (
            "{% for x in [1, [2]] recursive %}{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}{% endif %}{% endfor %}",
            "12",
        ),
        (
            "{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}{{ loop.changed(x) }}{% else %}none{% endfor %}",
            "1True2True",
        ),
        (
            "{% set ns = namespace(n=0, found=false) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
            "3",
        ),
        ("{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list }}", "['q']"),
        (
            "{{ '%s is %05.1f'|format('x', 2.5) }} {{ '{} {a}'.format(1, a=2) }} {{ {'b': [1]}|tojson(indent=1) }}",
            "x is 002.5 1 2 {\n \"b\": [\n  1\n ]\n}",
        ),
        (
            "{{ 'a b'.split(' ')[-1] }} {{ ' x '.strip() }} {{ 'a'.replace('a', 'b') }} {{ 'x'|default('y') }}{{ z|default('y') }}",
            "b x b xy",
        ),
        (
            "{{ x if x is defined else 'none' }} {{ (1 or 2) == 1 }} {{ 'a' ~ 1 ~ none }} {{ dict(a=1).a }}",
            "none True a1None 1",
        ),
        (
            "{% if false %}a{% elif 1 == 1 %}b{% else %}c{% endif %}{% with y = 1 %}{{ y }}{% endwith %}{# c #}",
            "b1",
        ),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(text), "{template}");
    }
}
