/** How all pages look, in light and in dark. */
export const style: string = `
:root{
color-scheme:light dark;
--page:light-dark(#faf9f7,#121214);
--card:light-dark(#fff,#1a1a1d);
--line:light-dark(#e6e4df,#2c2c31);
--field:light-dark(#8a877f,#77777f);
--text:light-dark(#1d1c1a,#ececea);
--soft:light-dark(#63615a,#a3a3a9);
--accent:light-dark(#3652c9,#93a8ff);
--wash:light-dark(#eef1fd,#22263a);
--ok:light-dark(#17703f,#74cd9d);
--bad:light-dark(#b3261e,#ff938b);
--warn:light-dark(#835200,#e5b662);
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.55 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.2em}
a,summary,button,input,select{border-radius:.4rem}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
h1,h2,h3,p,ul,ol,dl,dd,pre,fieldset{margin:0;padding:0}
ul,ol{list-style:none}
h1{font-size:1.6rem;line-height:1.25;letter-spacing:-.015em;font-weight:650}
h2{font-size:1.05rem;font-weight:620}
h3{font-size:1rem;font-weight:600}
code,pre,.mono{font:13px/1.55 var(--mono)}
:is(h2,h3,.name) .mono{font-weight:600}
:is(h2,h3) .mono{font-size:1em}
svg{display:block}
[hidden]{display:none!important}
.unseen,.skip:not(:focus){position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;z-index:2;top:.5rem;left:.5rem;padding:.5rem 1rem;background:var(--card)}
.soft{color:var(--soft)}
.ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}.busy{color:var(--accent)}.quiet{color:var(--soft)}
.wide{max-width:66rem;margin:auto;padding:0 1.25rem}
.bar{border-bottom:1px solid var(--line);background:var(--card)}
.bar .wide{display:flex;flex-wrap:wrap;align-items:center;gap:0 1.75rem;min-height:3.5rem}
.bar nav{flex:1}
.bar ul{display:flex;flex-wrap:wrap;gap:0 .25rem;margin:0 -.7rem}
.bar li a{display:block;padding:.45rem .7rem;margin:.35rem 0;color:var(--soft);text-decoration:none;white-space:nowrap}
.bar li a:hover{color:var(--text)}
.bar li a[aria-current]{color:var(--accent);background:var(--wash);font-weight:600}
.brand{display:flex;align-items:center;gap:.55rem;color:var(--text);text-decoration:none;font-weight:650}
.brand svg{width:1.3rem;color:var(--accent)}
main{padding-top:2.25rem!important;padding-bottom:4rem!important;display:grid;gap:1.75rem;grid-template-columns:minmax(0,1fr)}
main:focus{outline:0}
footer{color:var(--soft);font-size:.85rem;padding-bottom:2rem!important}
.head,.split{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:center;gap:.6rem 1rem}
.head p,.lead{color:var(--soft);margin-top:.35rem;max-width:44rem}
.line{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem .8rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.25rem}
.stack{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr)}
.stack:empty{display:none}
.grid{display:grid;gap:1.25rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr))}
.facts{display:grid;gap:1rem 1.5rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,12.5rem),1fr))}
dt{color:var(--soft);font-size:.85rem}
.big dd{font-size:1.35rem;font-weight:600;line-height:1.35;letter-spacing:-.01em}
.big small{display:block;font-size:.85rem;font-weight:400;letter-spacing:0;color:var(--soft)}
.state{display:inline-flex;align-items:center;gap:.4rem;font-size:.9rem;font-weight:550;white-space:nowrap}
.state svg,.mark{width:1em;height:1em;flex:none;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.mark{width:1.5rem;height:1.5rem}
.note,.rows>.note{display:flex;gap:.8rem;align-items:center;padding:.8rem 1.25rem}
.note .mark{width:1.1rem;height:1.1rem}
.rows>li{position:relative;display:grid;gap:.15rem 1.25rem;align-items:center;padding:.8rem 1.25rem;border-top:1px solid var(--line)}
.rows>li:first-child{border-top:0}
.rows.card{padding:0;overflow:hidden}
.events>li{grid-template-columns:7.5rem minmax(0,1fr) fit-content(21rem) 7.5rem;padding-block:.4rem}
.clip{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
p.clip{font-size:.9rem}
p:empty{display:none}
.events>li>.when{grid-column:4}
#dead pre{max-height:8.5rem}
main>.facts{grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}
.events>li:hover{background:var(--wash)}
.events a::after{content:"";position:absolute;inset:0}
.events a:focus-visible{outline:0}
.events a:focus-visible::after{outline:2px solid var(--accent);outline-offset:-3px;border-radius:.8rem}
.events .line{font-size:.9rem}
.events .line .state{font-weight:400}
.state bdi{color:var(--text)}
.when{text-align:right;color:var(--soft);font-size:.9rem}
.pair{grid-template-columns:minmax(0,1fr) auto!important}
.name{color:inherit;text-decoration:none}
form.filter,.fields{display:grid;gap:.9rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,11.5rem),1fr));align-items:start}
form.filter .line{align-self:end}
form.filter details{grid-column:1/-1}
.fields{margin-top:.9rem}
label{display:block;font-size:.85rem;color:var(--soft);margin-bottom:.25rem}
input,select,button,.button{font:inherit;color:inherit;min-height:2.4rem}
input,select{width:100%;background:var(--page);border:1px solid var(--field);padding:.35rem .6rem}
[aria-invalid]{border-color:var(--bad)}
button,.button{display:inline-flex;align-items:center;justify-content:center;padding:.35rem .95rem;border:1px solid var(--field);background:var(--card);font-weight:550;cursor:pointer;text-decoration:none;border-radius:.4rem;white-space:nowrap}
button:hover,.button:hover{border-color:var(--accent);color:var(--accent)}
.main,.main:hover{background:var(--accent);border-color:var(--accent);color:var(--card)}
.main:hover{filter:brightness(1.1)}
.plain{border-color:transparent;background:none;color:var(--soft);padding:.35rem .5rem}
.small{min-height:1.6rem;padding:0 .55rem;font-size:.8rem}
.chart{display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:1rem;align-items:end}
.chart b{display:block;font-size:1.2rem;line-height:1.3}
.chart svg{width:100%;height:2.6rem;border-bottom:1px solid var(--line)}
.chart rect{fill:currentColor}
.chart rect:hover{fill:var(--text)}
.attempts{border-left:2px solid var(--line);margin-left:.45rem;display:grid;gap:.9rem}
.attempts li{position:relative;padding-left:1.35rem}
.attempts .state svg{position:absolute;left:calc(-.5em - 1px);background:var(--card);width:1.1em;height:1.35em}
pre{white-space:pre-wrap;background:var(--page);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;max-height:28rem;overflow:auto}
.tree{font:13px/1.8 var(--mono)}
.tree li>span{display:block;padding-left:1.05rem}
.tree details>ul{margin-left:.3rem;padding-left:0;border-left:1px solid var(--line)}
.tree li li{padding-left:.7rem}
.string{white-space:pre-wrap}
.key,.tree summary .soft{color:var(--soft)}
.string{color:var(--ok)}.number{color:var(--accent)}.other{color:var(--warn)}
summary{cursor:pointer;width:fit-content}
summary:hover{color:var(--accent)}
.both{display:grid;gap:1.75rem 1.25rem;align-items:start;grid-template-columns:minmax(0,5fr) minmax(0,6fr)}
.both>:only-child{grid-column:1/-1}
.both .split:first-child{min-height:2.4rem}
.login{max-width:25rem;margin:12vh auto 0;width:100%}
@media(max-width:46rem){
main{padding-top:1.5rem!important;gap:1.25rem}
.wide{padding:0 1rem}
.bar .wide{padding-top:.4rem;gap:0 1rem}
.bar ul{font-size:.8rem;gap:0;margin:0 -.3rem;flex-wrap:nowrap;overflow-x:auto}
.bar li a{outline-offset:-2px!important}
.both{grid-template-columns:minmax(0,1fr)}
.facts{grid-template-columns:1fr 1fr;gap:1rem}
.bar nav{order:3;flex-basis:100%;min-width:0}
.bar form{margin-left:auto}
form.filter,.fields{grid-template-columns:1fr 1fr}
.filter :has(>[type=datetime-local]),.filter>:has([type=search]),.filter>.line{grid-column:1/-1}
.bar li a{padding:.4rem .3rem}
button{white-space:normal}
.rows>li{padding:.8rem 1rem}
.events>li{grid-template-columns:minmax(0,1fr) auto}
.events>li>:nth-child(2),.events>li>:nth-child(3){grid-column:1/-1}
.events>li>.when{grid-area:1/2}
.pair{grid-template-columns:minmax(0,1fr)!important}
.card{padding:1rem}
}
@media print{.bar,form,footer,.small{display:none!important}}
@media(prefers-contrast:more){:root{--line:var(--field);--soft:var(--text)}}
`.trim();
