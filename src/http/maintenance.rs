//! Our own maintenance page, for people: one file without a script, in the colours that they like, that asks again by itself.

use super::reply::escape;

/// What the page says, for whoever is no browser.
pub(super) const DETAIL: &str = "down for maintenance; please try again in a moment";

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1d2733;--soft:#5d6b7a;--line:#e3e7ec;--glow:#2f7de1}\
@media(prefers-color-scheme:dark){:root{--ground:#0f1419;--card:#171e26;--ink:#e8edf2;--soft:#93a1b0;--line:#26303b;--glow:#6cb0ff}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);\
font:1.05rem/1.6 system-ui,-apple-system,\"Segoe UI\",sans-serif}\
main{max-width:30rem;padding:2.5rem 2.25rem;border:1px solid var(--line);border-radius:1rem;background:var(--card);\
box-shadow:0 1rem 3rem #0000000f}\
h1{margin:0 0 .5rem;font-size:1.6rem;line-height:1.25;letter-spacing:-.01em}p{margin:0;color:var(--soft)}\
.bar{height:.25rem;margin:1.75rem 0 1rem;border-radius:1rem;background:var(--line);overflow:hidden}\
.bar::after{content:\"\";display:block;width:35%;height:100%;border-radius:1rem;background:var(--glow);\
animation:go 1.8s ease-in-out infinite}\
small{color:var(--soft);opacity:.8;overflow-wrap:anywhere}\
@keyframes go{from{transform:translateX(-100%)}to{transform:translateX(290%)}}\
@media(prefers-reduced-motion){.bar::after{animation:none;width:100%;opacity:.5}}";

/// The page. `again`: after so many seconds it is loaded again.
pub(super) fn page(again: Option<u32>, request_id: &str) -> String {
    let refresh = again.map_or(String::new(), |after| format!("<meta http-equiv=refresh content={after}>"));
    let promise = if again.is_some() { " This page loads again by itself." } else { "" };
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <meta name=robots content=noindex>{refresh}<title>Back in a moment</title><style>{STYLE}</style>\
         <main><h1>Back in a moment</h1><p>We are working on this site right now.{promise}</p><div class=bar></div>\
         <small>503"
    );
    if !request_id.is_empty() {
        page.push_str(" · ");
        escape(&mut page, request_id);
    }
    page.push_str("</small></main></html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_again_where_that_does_no_harm() {
        let (once, again) = (page(None, "<i>"), page(Some(5), ""));
        assert!(again.contains("<meta http-equiv=refresh content=5>") && again.contains("by itself"));
        assert!(!once.contains("refresh") && !once.contains("by itself") && once.contains("503 · &lt;i&gt;<"));
        for page in [once, again] {
            assert!(page.contains("prefers-color-scheme:dark") && !page.contains("<script"));
            assert_eq!(page.matches('{').count(), page.matches('}').count());
        }
    }
}
