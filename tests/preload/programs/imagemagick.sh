# imagemagick: pictures made, blurred, scaled, turned, compared and converted, with OpenMP's threads and its own limits of memory.
needs="convert identify compare" packages="imagemagick"

# The pixels, whatever the file says about its making.
pixels() { tiered identify -format '%m %w %h %#\n' "$@"; }

run() {
    export OMP_NUM_THREADS=2 HOME=$PWD MAGICK_CONFIGURE_PATH=
    tiered convert -size 800x600 plasma:red-blue -seed 1 -colorspace gray -fill white -draw 'circle 400,300 450,350' -threshold 30% start.png
    tiered convert -size 600x400 gradient:navy-yellow gradient.ppm && pixels gradient.ppm
    tiered convert gradient.ppm -blur 0x8 -sharpen 0x2 blurred.ppm && pixels blurred.ppm
    tiered convert gradient.ppm -resize 300% -distort SRT 30 -crop 500x500+100+100 +repage turned.ppm && pixels turned.ppm
    tiered convert gradient.ppm \( +clone -flop -negate \) -average -colors 32 -dither FloydSteinberg few.png && pixels few.png
    tiered convert gradient.ppm -quality 80 lossy.jpg && pixels lossy.jpg
    tiered convert -delay 5 gradient.ppm blurred.ppm -loop 0 moving.gif && pixels moving.gif
    tiered compare -metric AE gradient.ppm blurred.ppm null: 2>&1; echo " differ, status $?"
    # Pixels in files once they take more than 1 MB, and more than it may take at all.
    tiered convert -limit memory 1MiB -limit map 1MiB gradient.ppm -morphology Dilate Disk:3 wide.ppm && pixels wide.ppm
    tiered convert -limit width 100 gradient.ppm out.ppm >/dev/null 2>&1; echo "over a limit: $?"
    tiered convert missing.png out.png 2>&1 | head -n 1 | cut -d' ' -f1-6
}
