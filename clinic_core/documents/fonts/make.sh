#!/bin/sh
# Makes the fonts of this folder from Debian's packages fonts-noto-core (20201225-1) and fonts-noto-cjk
# (1:20220127+repack1-1). Needs pyftsubset (fonttools). Usage: sh make.sh NOTO_FOLDER CJK_FOLDER
#
# Noto Sans loses the joiners U+200C and U+200D, so that a joiner stays in the font of the script around it, and
# the ligatures, so that copied text is the text. CJK keeps what names and addresses are written with.
set -eu
noto=$1 cjk=$2 here=$(dirname "$0")

latin="0000-02FF,0300-036F,0370-03FF,0400-052F,1AB0-1AC0,1C80-1C8F,1D00-1DFF,1E00-1FFF,2000-200B,200E-2064"
latin="$latin,2066-206F,2070-20CF,2100-218F,2190-2193,2212,2C60-2C7F,2DE0-2E5F,A640-A69F,A700-A7FF,FB00-FB06,FFFD"
for style in Regular Bold; do
  pyftsubset "$noto/NotoSans-$style.ttf" --unicodes="$latin" --layout-features=ccmp,kern,locl,mark,mkmk,lnum,tnum \
    --no-hinting --name-IDs='*' --notdef-outline --output-file="$here/NotoSans-$style.ttf"
done

for script in Arabic Armenian Bengali Devanagari Ethiopic Georgian Gujarati Gurmukhi Hebrew Kannada Khmer Lao \
  Malayalam MeeteiMayek Myanmar OlChiki Oriya Sinhala Syriac Tamil Telugu Thaana Thai; do
  cp "$noto/NotoSans$script-Regular.ttf" "$here/"
done
cp "$noto/NotoSerifTibetan-Regular.ttf" "$here/"

pyftsubset "$cjk/NotoSansCJK-Regular.ttc" --font-number=2 --no-hinting --layout-features=ccmp --name-IDs='*' \
  --unicodes="2E80-2FDF,3000-30FF,3105-312F,3130-318F,31A0-31FF,3400-4DBF,4E00-9FFF,AC00-D7A3,F900-FAFF,FF00-FFEF" \
  --drop-tables+=vhea,vmtx,VORG,BASE,DSIG --notdef-outline --output-file="$here/NotoSansCJKsc-Regular.otf"
